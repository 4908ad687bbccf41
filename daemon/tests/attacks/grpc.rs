//! The same through gRPC, and what only gRPC has: metadata, messages, calls that are left alone.

use std::time::{Duration, Instant};

use dbal::{Map, Operation, Value, value};
use dbal_served::idl;
use dbal_served::idl::transaction_request::Step;
use dbal_served::idl::value::Kind;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use crate::authorization::some;
use crate::support::grpc::{Grpc, code, request};
use crate::support::{Http, runtime};
use crate::world::{World, ids, object, token, world, world_with};

fn ada(world: &World) -> Grpc {
    Grpc::new(world.served.address, Some(&token("ada", "user")))
}

fn args(value: Value) -> Map {
    match value {
        Value::Map(map) => map,
        other => panic!("not arguments: {other:?}"),
    }
}

/// Many rows of ada's.
fn crowd(world: &World) {
    let row = |id: i64| value!({ "id": id, "name": (format!("n{id}")), "owner": "ada", "doc": ("x".repeat(500)) });
    let rows: Vec<Value> = (1_000..6_000).map(row).collect();
    world.client.entity("Account").unwrap().create_many(rows).unwrap();
}

#[test]
fn a01_no_rule_is_no() {
    let world = world();
    let anonymous = Grpc::new(world.served.address, None);
    for (grpc, entity) in [(&anonymous, "Account"), (&anonymous, "Note"), (&ada(&world), "Hidden")] {
        for operation in Operation::ALL {
            if matches!(operation, Operation::Call | Operation::Batch) {
                continue;
            }
            let given = args(some(operation, entity).1);
            let refused = match operation {
                Operation::Stream => grpc.stream(entity, given),
                _ => grpc.execute(operation.as_str(), entity, given),
            };
            let refused = refused.unwrap_err();
            assert_eq!(
                (refused.code(), code(&refused).as_str()),
                (Code::PermissionDenied, "FORBIDDEN"),
                "{operation:?}"
            );
        }
    }
    let schema = runtime().block_on(anonymous.client().schema(anonymous.with(idl::SchemaRequest {}))).unwrap();
    assert!(schema.into_inner().json.contains("\"entities\":[]"));
    let schema = runtime().block_on(ada(&world).client().schema(ada(&world).with(idl::SchemaRequest {}))).unwrap();
    let text = schema.into_inner().json;
    assert!(text.contains("Account") && !text.contains("Hidden") && !text.contains("secret"), "{text}");
}

#[test]
fn a02_a09_a10_a33_hidden_is_hidden() {
    let world = world();
    let grpc = ada(&world);
    for filter in
        [value!({ "secret": "s3cret-canary" }), value!({ "secret": { "$startsWith": "s" } }), value!({ "pin": null })]
    {
        let refused = grpc.execute("list", "Account", args(value!({ "filter": filter }))).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(!format!("{refused:?}").contains("canary"));
    }
    let told = |id: i64| {
        let refused = grpc.execute("read", "Account", object([("id", id.into())])).unwrap_err();
        (refused.code(), code(&refused), refused.message().replace(&id.to_string(), "N"))
    };
    assert_eq!(told(3), told(99));
    assert_eq!(told(3).0, Code::NotFound);
    let anything = value!({ "filter": { "$or": [{ "owner": "bob" }, { "id": { "$gt": 0 } }] } });
    assert_eq!(ids(&grpc.execute("find_many", "Account", args(anything.clone())).unwrap()), [1, 2]);
    assert_eq!(ids(&grpc.stream("Account", args(anything)).unwrap()), [1, 2]);
}

#[test]
fn a26_a_transaction_is_checked_step_by_step_and_ends_with_its_call() {
    let world = world();
    let grpc = ada(&world);
    let create =
        |id: i64, owner: &str| args(value!({ "data": { "id": id, "name": (format!("n{id}")), "owner": (owner) } }));
    let mut early = grpc.transaction().unwrap();
    assert_eq!(code(&early.execute("count", "Account", Map::new()).unwrap_err()), "VALIDATION_ERROR");
    // What is left alone is undone.
    let mut left = grpc.transaction().unwrap();
    left.begin().unwrap();
    left.execute("create", "Account", create(9, "ada")).unwrap();
    let refused = left.execute("create", "Account", create(10, "bob")).unwrap_err();
    assert_eq!(code(&refused), "FORBIDDEN");
    assert_eq!(left.execute("count", "Account", Map::new()).unwrap(), Value::Int(3));
    drop(left);
    // It waits for the one that was left, and no longer.
    let mut kept = grpc.transaction().unwrap();
    kept.begin().unwrap();
    assert_eq!(kept.execute("count", "Account", Map::new()).unwrap(), Value::Int(2));
    kept.execute("create", "Account", create(11, "ada")).unwrap();
    assert_eq!(kept.begin().unwrap(), Value::Bool(true));
    kept.execute("create", "Account", create(12, "ada")).unwrap();
    kept.rollback().unwrap();
    kept.commit().unwrap();
    assert_eq!(kept.begin().unwrap_err().message(), "the call ended", "one call, one transaction");
    let ids: Vec<i64> = world.accounts().iter().map(|row| row.get("id").unwrap().as_i64().unwrap()).collect();
    assert_eq!(ids, [1, 2, 3, 4, 11]);
}

#[test]
fn a49_three_ways_are_one_request() {
    let world = world();
    let grpc = ada(&world);
    let mut socket = world.socket();
    for (operation, given) in [
        ("list", value!({ "sort": { "id": "desc" }, "limit": 1 })),
        ("find_many", value!({ "include": { "notes": true }, "select": ["id", "name", "price", "big", "doc"] })),
        ("first", value!({ "filter": { "name": "nobody" } })),
        ("count", value!({})),
        ("distinct", value!({ "field": "level" })),
        ("aggregate", value!({ "count": true, "sum": ["level"], "group_by": ["owner"] })),
    ] {
        let http = world.ada().post(&format!("/v1/Account:{operation}"), &given).json();
        let over_socket = socket.request(operation, "Account", args(given.clone())).unwrap();
        // 64-bit sums are text in JSON, numbers here.
        let over_grpc = value::json::to_wire(&grpc.execute(operation, "Account", args(given)).unwrap());
        assert_eq!(value::json::to_wire(&http), value::json::to_wire(&over_socket));
        let plain = value::json::to_wire(&http).replace("\"level\":\"3\"", "\"level\":3");
        assert_eq!(plain, over_grpc, "{operation}");
    }
}

/// Bytes as a message.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Raw;
    type Decoder = Raw;
    fn encoder(&mut self) -> Raw {
        Raw
    }
    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;
    fn encode(&mut self, item: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        use bytes::BufMut as _;
        out.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;
    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        use bytes::Buf as _;
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}

fn raw(grpc: &Grpc, path: &'static str, bytes: Vec<u8>, metadata: &[(&'static str, &str)]) -> Result<Vec<u8>, Status> {
    let mut client = tonic::client::Grpc::new(grpc.channel.clone());
    let mut asked = grpc.with(bytes);
    for (name, text) in metadata {
        asked.metadata_mut().append(*name, text.parse::<MetadataValue<_>>().unwrap());
    }
    runtime().block_on(async {
        client.ready().await.unwrap();
        let path = tonic::codegen::http::uri::PathAndQuery::from_static(path);
        client.unary(asked, path, Raw).await.map(tonic::Response::into_inner)
    })
}

const EXECUTE: &str = "/dbal.v1.Dbal/Execute";

fn count() -> Vec<u8> {
    prost::Message::encode_to_vec(&request("count", "Account", Map::new()))
}

/// Lists inside each other, as bytes.
fn nested(depth: usize) -> Vec<u8> {
    // Lengths first, from the inside out, since each is part of the next one's.
    let field = |number: u8, length: usize| {
        let mut head = vec![number << 3 | 2];
        prost::encoding::encode_varint(length as u64, &mut head);
        head
    };
    let (mut heads, mut length) = (Vec::new(), 0);
    for place in 0..2 * depth {
        // List.values is 1, Value.list is 11.
        let head = field(if place % 2 == 0 { 1 } else { 11 }, length);
        length += head.len();
        heads.push(head);
    }
    // Member.value 2, Object.members 1, Request.args 3.
    for number in [2, 1, 3] {
        let head = field(number, length);
        length += head.len();
        heads.push(head);
    }
    heads.into_iter().rev().flatten().collect()
}

#[test]
fn c50_c54_c55_messages_are_bounded() {
    let world = world_with("mode: production\nlimits: { request_bytes: 100000 }");
    let grpc = ada(&world);
    assert!(raw(&grpc, EXECUTE, count(), &[]).is_ok());
    for depth in [60, 1_000, 20_000] {
        let refused = raw(&grpc, EXECUTE, nested(depth), &[]).unwrap_err();
        assert_eq!((refused.code(), code(&refused).as_str()), (Code::InvalidArgument, "VALIDATION_ERROR"), "{depth}");
        assert!(refused.message().len() < 200, "{}", refused.message());
    }
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let json = idl::Value { kind: Some(Kind::Json(deep)) };
    let member = idl::Member { name: "filter".into(), value: Some(json) };
    let mut asked = request("count", "Account", Map::new());
    asked.args = Some(idl::Object { members: vec![member] });
    let refused = raw(&grpc, EXECUTE, prost::Message::encode_to_vec(&asked), &[]).unwrap_err();
    assert_eq!(code(&refused), "VALIDATION_ERROR");
    for garbage in [vec![0xff; 64], vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], b"{}".to_vec()] {
        assert_eq!(code(&raw(&grpc, EXECUTE, garbage, &[]).unwrap_err()), "VALIDATION_ERROR");
    }
    let long = request("count", "Account", args(value!({ "filter": { "name": ("x".repeat(400_000)) } })));
    let refused = raw(&grpc, EXECUTE, prost::Message::encode_to_vec(&long), &[]).unwrap_err();
    assert_eq!(code(&refused), "VALIDATION_ERROR");
    let refused = raw(&grpc, EXECUTE, count(), &[("grpc-encoding", "gzip")]).unwrap_err();
    assert_eq!((refused.code(), code(&refused).as_str()), (Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED"));
    assert!(raw(&grpc, EXECUTE, count(), &[]).is_ok(), "the daemon lives");
}

#[test]
fn c53_a_deadline_and_a_cancelled_call_reach_the_database() {
    let world = world();
    crowd(&world);
    let slow = || {
        args(
            value!({ "filter": { "$or": [{ "name": { "$icontains": "zzz" } }, { "notes": { "$none": { "account": { "notes": { "$some": { "text": { "$icontains": "zzz" } } } } } } }] }, "count": true }),
        )
    };
    let mut grpc = ada(&world);
    grpc.timeout = Some(Duration::from_millis(1));
    let began = Instant::now();
    let done = grpc.execute("aggregate", "Account", slow());
    assert!(
        done.as_ref().is_err_and(|status| matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled))
            || done.is_ok()
    );
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // Given up by its caller, it is counted as that, and leaves nothing under way.
    let grpc = ada(&world);
    for _ in 0..20 {
        let (mut client, asked) = (grpc.client(), grpc.with(request("aggregate", "Account", slow())));
        let call = runtime().spawn(async move { client.execute(asked).await });
        std::thread::sleep(Duration::from_millis(2));
        call.abort();
    }
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let metrics = Http::new(world.served.admin).get("/metrics").text();
        if metrics.contains("dbal_in_flight 0") {
            break;
        }
        assert!(Instant::now() < end, "{metrics}");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(grpc.execute("count", "Account", Map::new()).unwrap(), Value::Int(5_002));
}

#[test]
fn c57_a_caller_has_one_rate_by_every_way() {
    let world = world_with("mode: production\nsecurity: { rate_limit: { requests_per_minute: 6, burst: 3 } }");
    let (grpc, mut socket) = (ada(&world), world.socket());
    grpc.execute("count", "Account", Map::new()).unwrap();
    socket.request("count", "Account", Map::new()).unwrap();
    assert_eq!(world.ada().post("/v1/Account:count", &value!({})).status, 200);
    let refused = grpc.execute("count", "Account", Map::new()).unwrap_err();
    assert_eq!((refused.code(), code(&refused).as_str()), (Code::ResourceExhausted, "RATE_LIMIT_EXCEEDED"));
    let wait = refused.get_error_details().retry_info().unwrap().retry_delay.unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(10));
}

#[test]
fn c60_streams_that_are_left_give_their_places_back() {
    let world = world_with("mode: production\nsecurity: { max_query_time: 5 }");
    crowd(&world);
    let grpc = Grpc::new(world.served.address, Some("trusted"));
    let left: Vec<_> = (0..16).map(|_| grpc.begin_stream("Account", Map::new()).unwrap()).collect();
    let refused = grpc.begin_stream("Account", Map::new()).unwrap_err();
    assert_eq!(code(&refused), "RATE_LIMIT_EXCEEDED");
    drop(left);
    let end = Instant::now() + Duration::from_secs(4);
    while grpc.begin_stream("Account", Map::new()).is_err() {
        assert!(Instant::now() < end, "the places are not given back");
        std::thread::sleep(Duration::from_millis(20));
    }
    // One that is not read to its end is ended at its deadline.
    let mut slow = grpc.begin_stream("Account", args(value!({ "include": { "notes": true } }))).unwrap();
    assert!(runtime().block_on(slow.message()).unwrap().is_some());
    std::thread::sleep(Duration::from_millis(5_500));
    let mut rest = Ok(Some(idl::Rows::default()));
    while let Ok(Some(_)) = rest {
        rest = runtime().block_on(slow.message());
    }
    assert!(rest.is_err_and(|status| status.code() == Code::DeadlineExceeded));
}

#[test]
fn d70_metadata() {
    let world = world();
    let grpc = ada(&world);
    let nobody = Grpc { token: None, ..grpc.clone() };
    let told = |grpc: &Grpc, metadata: &[(&'static str, &str)]| match raw(grpc, EXECUTE, count(), metadata) {
        Ok(_) => "OK".to_owned(),
        Err(status) => code(&status),
    };
    let good = format!("Bearer {}", token("ada", "user"));
    assert_eq!(told(&nobody, &[("authorization", &good)]), "OK");
    assert_eq!(told(&nobody, &[]), "FORBIDDEN");
    for wrong in ["Bearer zz", "Basic abc", "Bearer", "", &good.replace("Bearer ", "")] {
        assert_eq!(told(&nobody, &[("authorization", wrong)]), "UNAUTHORIZED", "{wrong:?}");
    }
    assert_eq!(told(&nobody, &[("authorization", &good), ("authorization", &good)]), "UNAUTHORIZED");
    assert_eq!(told(&nobody, &[("x-user", "ada"), ("x-role", "admin")]), "FORBIDDEN");
    assert_eq!(told(&grpc, &[("idempotency-key", "k")]), "CAPABILITY_NOT_SUPPORTED");
    for wrong in ["x", "-1S", "1.5S", "123456789S", ""] {
        // Beside the one that the client sends: two are none that can be trusted, and one of them is no time.
        assert_eq!(told(&grpc, &[("grpc-timeout", wrong)]), "VALIDATION_ERROR", "{wrong:?}");
    }
    let status = raw(&grpc, "/dbal.v1.Dbal/Nothing", count(), &[]).unwrap_err();
    assert_eq!((status.code(), code(&status).as_str()), (Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED"));
    let status = raw(&grpc, "/dbal.v2.Dbal/Execute", count(), &[]).unwrap_err();
    assert_eq!((status.code(), code(&status).as_str()), (Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED"));
}

#[test]
fn d73_health_is_there_and_reflection_is_not() {
    let world = world();
    let grpc = ada(&world);
    let mut health = HealthClient::new(grpc.channel.clone());
    let check = |health: &mut HealthClient<_>, name: &str| {
        let asked = HealthCheckRequest { service: name.to_owned() };
        runtime().block_on(health.check(asked)).map(|answer| answer.into_inner().status())
    };
    assert_eq!(check(&mut health, "").unwrap(), ServingStatus::Serving);
    assert_eq!(check(&mut health, "dbal.v1.Dbal").unwrap(), ServingStatus::Serving);
    assert_eq!(check(&mut health, "x").unwrap_err().code(), Code::NotFound);
    const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    assert_eq!(raw(&grpc, REFLECTION, vec![0x3a, 0], &[]).unwrap_err().code(), Code::Unimplemented);
    let switched =
        world_with("mode: production\nserver: { bind: '127.0.0.1:0', admin_bind: '127.0.0.1:0', reflection: true }");
    // list_services is field 7.
    for path in [REFLECTION, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"] {
        let told = raw(&Grpc::new(switched.served.address, None), path, vec![0x3a, 0], &[]).unwrap();
        assert!(String::from_utf8_lossy(&told).contains("dbal.v1.Dbal"), "{path}");
    }
}

#[test]
fn d73_whoever_watches_is_told_of_the_end() {
    let mut world = world();
    let grpc = ada(&world);
    let mut health = HealthClient::new(grpc.channel.clone());
    let watched = runtime().block_on(health.watch(HealthCheckRequest::default())).unwrap();
    let mut watched = watched.into_inner();
    assert_eq!(runtime().block_on(watched.message()).unwrap().unwrap().status(), ServingStatus::Serving);
    let began = Instant::now();
    world.served.stop();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn e74_what_a_status_tells() {
    let world = world();
    let refused = ada(&world)
        .execute("create", "Account", args(value!({ "data": { "id": "x", "name": 1, "owner": null } })))
        .unwrap_err();
    let details = refused.get_error_details();
    let fields: Vec<_> =
        details.bad_request().unwrap().field_violations.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["id", "name", "owner"]);
    let id = details.request_info().unwrap().request_id.clone();
    assert_eq!(refused.metadata().get("dbal-request-id").unwrap(), id.as_str());
    let conflict = ada(&world)
        .execute("create", "Account", args(value!({ "data": { "id": 9, "name": "bob-1", "owner": "ada" } })))
        .unwrap_err();
    assert_eq!(conflict.code(), Code::AlreadyExists);
    assert_eq!(conflict.get_error_details().error_info().unwrap().metadata["reason"], "unique");
    let stale = ada(&world)
        .execute("update", "Account", args(value!({ "id": 1, "if_version": 7, "data": { "level": 2 } })))
        .unwrap_err();
    assert_eq!(stale.code(), Code::Aborted);
    let mut transaction = ada(&world).transaction().unwrap();
    transaction.begin().unwrap();
    let unread = transaction.step(Step::Request(request("nothing", "Account", Map::new()))).unwrap();
    assert_eq!(code(&unread.unwrap_err()), "VALIDATION_ERROR");
}
