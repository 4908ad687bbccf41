//! Opens a database, makes a user, lists admins, and asks on somebody's behalf.

use dbal::{Client, Config, Principal, field, query, value};

#[derive(serde::Deserialize)]
struct User {
    id: String,
    username: String,
    level: i64,
}

fn main() -> dbal::Result<()> {
    let db = Client::open(Config::sqlite("app.db").schema_dir("api/schema"))?;
    db.migrate()?;

    // Trusted code: input is checked, ids and defaults are filled in, access rules do not apply.
    let users = db.entity("User")?.typed::<User>();
    let ada = users.create(&value!({ "username": "ada", "email": "ada@example.org", "role": "admin", "level": 4 }))?;
    let page = users.list(query().filter(field("role").eq("admin")).sort("created_at", "desc").limit(10))?;
    println!("{} of {:?} admins, first {}", page.data.len(), page.total, page.data[0].username);

    // The same database on ada's behalf: every rule applies.
    let as_ada = db.as_principal(Principal::new(ada.id.as_str(), "admin").claim("level", ada.level));
    let refused = as_ada.entity("User")?.update(ada.id.as_str(), value!({ "level": 5 }));
    println!("{}", refused.expect_err("nobody hands out a level above their own"));
    Ok(())
}
