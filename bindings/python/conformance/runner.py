"""Speaks the lines of `dbal_conformance::process`: `python runner.py sync` or `... asyncio`."""

import asyncio
import base64
import dataclasses
import datetime
import decimal
import inspect
import json
import sys
import uuid

import dbal

sys.setrecursionlimit(20_000)
AWAITED = sys.argv[1:] == ["asyncio"]
POSITIONAL = {
    "create": ["data"], "create_many": ["data"], "read": ["id"], "update": ["id", "data"], "delete": ["id"],
    "upsert_many": ["data"], "distinct": ["field"], "call": ["name", "input"],
}
#: The daemon's address, where one is asked.
REMOTE = []
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def given(value):
    if isinstance(value, list):
        return [given(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$map" in value:
        return {name: given(inner) for name, inner in value["$map"]}
    (kind, told), = value.items()
    if kind == "$datetime":
        return EPOCH + datetime.timedelta(milliseconds=told)
    read = {"$bigint": int, "$float": float, "$bytes": base64.b64decode, "$undefined": lambda _: dbal.UNSET}
    return read[kind](told)


def shown(value):
    if isinstance(value, dbal.Page):
        value = value.as_dict()
    if isinstance(value, dict):
        return {"$map": [[name, shown(inner)] for name, inner in value.items()]}
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, datetime.datetime):
        assert value.tzinfo is datetime.timezone.utc
        return {"$datetime": (value - EPOCH) // datetime.timedelta(milliseconds=1)}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, (uuid.UUID, datetime.date)):
        return str(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, int) and not isinstance(value, bool):
        return {"$bigint": str(value)}
    return value


def ask(client, line):
    operation, args = line["operation"], given(line["args"])
    if operation == "batch":
        return client.batch(args.pop("entries", []), **args)
    positional = [args.pop(name, dbal.UNSET) for name in POSITIONAL.get(operation, [])]
    answered = getattr(client.entity(line["entity"]), operation)(*positional, **args)
    if operation != "stream":
        return answered
    return gathered(answered) if AWAITED else list(answered)


async def gathered(rows):
    return [row async for row in rows]


def opened(url, **options):
    return (dbal.AsyncClient if AWAITED else dbal.Client)(url, timeout=20, **options)


def bound(client, caller):
    if caller is None:
        return client
    if not REMOTE:
        return client.as_principal(given(caller))
    # To a daemon, whoever asks is who a token says; the tests' daemon believes those that spell a caller.
    told = given(caller)
    role = told.get("user", {}).get("role")
    told.setdefault("roles", [] if role is None else [role])
    anonymous = not caller["$map"]
    return opened(REMOTE[0], token=None if anonymous else json.dumps(told, default=str).encode().hex())


class RollBack(Exception):
    pass


async def serve(stack):
    """Does what the lines say, until the transaction it stands in ends."""
    while text := sys.stdin.readline():
        line = json.loads(text)
        try:
            if line["do"] == "open":
                REMOTE[:] = [line["url"]] if line["url"].startswith("ws:") else []
                local = {"schema": line["schema"], "rules": line["rules"]}
                stack[0] = opened(line["url"], **({"token": "trusted"} if REMOTE else local))
                answer(value=None)
            elif line["do"] == "close":
                await settled(stack[0].close())
                answer(value=None)
            elif line["do"] == "run":
                client = bound(stack[0], line["caller"]) if line["depth"] == 0 else stack[line["depth"]]
                answer(value=shown(await settled(ask(client, line))))
            elif line["do"] == "begin":
                outer = bound(stack[0], line["caller"]) if len(stack) == 1 else stack[-1]
                try:
                    if AWAITED:
                        async with outer.transaction() as inside:
                            answer(value=None)
                            await serve([*stack, inside])
                    else:
                        with outer.transaction() as inside:
                            answer(value=None)
                            await serve([*stack, inside])
                except RollBack:
                    pass
                answer(value=None)
            elif line["commit"]:
                return
            else:
                raise RollBack
        except dbal.Error as error:
            fields = [dataclasses.asdict(fault) for fault in error.fields]
            answer(error={"code": error.code, "message": error.message, "reason": error.reason, "fields": fields})


async def settled(value):
    return await value if inspect.isawaitable(value) else value


def answer(**told):
    print(json.dumps(told), flush=True)


asyncio.run(serve([None]))
