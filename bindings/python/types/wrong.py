"""What the checkers must refuse: each line that says so, and no other."""

import entities
import everywhere

db = entities.Client("memory:")
db.users.create(username="ada", email="ada@example.org")["nothing"]  # refused
db.users.read("x")["level"].upper()  # refused
data: entities.UserCreate = {"username": "ada"}  # refused
data = {"username": "ada", "email": "a@example.org", "role": "king"}  # refused
patch: entities.UserUpdate = {"level": "high"}  # refused
db.users.list(limt=1)  # refused
db.users.count(filter=[1])  # refused
rows: list[entities.PageView] = db.users.find_many()  # refused
db.users.into(entities.UserRow).read("x").nothing  # refused
with everywhere.Client("memory:").transaction() as tx:
    tx.users.create(username=1)["nothing"]  # refused
    tx.transaction()  # refused
