//! Why a caller sees a row, and may change it, or not: what each rule says of it.

use std::sync::Arc;

use crate::access::Principal;
use crate::access::judge::Spoken;
use crate::client::Client;
use crate::error::{ErrorKind, Result};
use crate::query::view::View;
use crate::request::{Operation, Request};
use crate::row::Record;
use crate::schema::{EntityId, FieldId, Verb};
use crate::value::Value;

/// What the rules say of one row to one caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The row, as trusted code reads it.
    pub row: Record,
    /// Each verb: read, update and delete of the row as it is, and create of one like it.
    pub verbs: Vec<JudgedVerb>,
}

/// What the rules say of one row and one verb.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedVerb {
    /// The verb.
    pub verb: Verb,
    /// At least one rule that permits it holds, and none that forbids it stands.
    pub allowed: bool,
    /// The ids of the rules that decided: those that let the row through, or those that refused it. Empty when no rule
    /// permits it, which is a refusal too.
    pub by: Vec<String>,
    /// Every rule that speaks of the verb, in the order of the file.
    pub rules: Vec<JudgedRule>,
    /// The fields that the caller may read, or write. What is written is judged again: by the rules of the fields named,
    /// and by the row as it is afterwards.
    pub fields: Vec<String>,
}

/// What one rule says of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedRule {
    /// The rule.
    pub rule: Spoken,
    /// Whether its condition is true of the row: none is unknown, for want of a claim or a value. None as well where the
    /// rule does not speak of the caller.
    pub holds: Option<bool>,
}

impl JudgedRule {
    fn permits(&self) -> bool {
        self.rule.applies && !self.rule.forbids && self.holds == Some(true)
    }

    /// One whose condition is unknown forbids as well.
    fn refuses(&self) -> bool {
        self.rule.applies && self.rule.forbids && !self.rule.fields_only && self.holds != Some(false)
    }
}

impl Client {
    /// Which rules let a caller see a row, change and delete it, and which refuse it. `key` is the primary key of the
    /// row, or an object that holds a unique key, as `read` takes it. Nothing is written, nor written down for an audit.
    ///
    /// ```
    /// # use dbal::{Client, Config, Principal, value};
    /// let schema = "
    /// entity: Note
    /// fields:
    ///   id: { type: integer, primary: true }
    ///   owner: { type: string }
    /// acl:
    ///   read: { role: [user], row_level: \"owner = $user.id\" }
    /// ";
    /// let db = Client::open(Config::memory().schema_text(schema))?;
    /// db.migrate()?;
    /// db.entity("Note")?.create(value!({ "id": 1, "owner": "ada" }))?;
    /// let ada = db.explain_row("Note", 1.into(), &Principal::new("ada", "user"))?;
    /// let read = ada.verbs.iter().find(|judged| judged.verb.as_str() == "read").expect("each verb is judged");
    /// assert!(read.allowed);
    /// assert_eq!(read.by, ["Note.acl.read.role[user]"]);
    /// # Ok::<(), dbal::Error>(())
    /// ```
    ///
    /// # Errors
    /// FORBIDDEN for a bound client and for one of a daemon, NOT_FOUND for a row that is not there, or past its time;
    /// otherwise as `read`.
    pub fn explain_row(&self, entity: &str, key: Value, principal: &Principal) -> Result<Judged> {
        self.trusted("explain is for trusted code")?;
        let id = self.entity_id(entity)?;
        let request = Request::new(Operation::Read, self.engine.name(id).to_string()).arg("id", key);
        let row = self.answer(&request)?.row()?;
        let judged = |verb| self.judge(id, verb, &request, principal);
        let verbs = [Verb::Read, Verb::Update, Verb::Delete, Verb::Create].map(judged);
        Ok(Judged { row, verbs: verbs.into_iter().collect::<Result<_>>()? })
    }

    fn judge(&self, id: EntityId, verb: Verb, request: &Request, principal: &Principal) -> Result<JudgedVerb> {
        let policy = &self.engine.policy;
        let mut rules = Vec::new();
        for rule in policy.spoken(principal, id, verb) {
            let holds = match rule.applies {
                true => self.holds(id, rule.at, request, principal)?,
                false => None,
            };
            rules.push(JudgedRule { rule, holds });
        }
        let named = |wanted: fn(&JudgedRule) -> bool| -> Vec<String> {
            rules.iter().filter(|rule| wanted(rule)).map(|judged| judged.rule.id.clone()).collect()
        };
        let (permits, refusals) = (named(JudgedRule::permits), named(JudgedRule::refuses));
        let allowed = !permits.is_empty() && refusals.is_empty();
        let view = policy.view(principal);
        let named = |field: FieldId| match verb {
            Verb::Read => view.readable(id, field),
            Verb::Create | Verb::Update => view.writable(id, field),
            Verb::Delete => false,
        };
        let declared = &self.engine.schema.entity(id).fields;
        let fields = (0..).map(FieldId).zip(declared).filter(|(field, _)| named(*field));
        let fields = fields.map(|(_, declared)| declared.name.clone()).collect();
        Ok(JudgedVerb { verb, allowed, by: if allowed { permits } else { refusals }, rules, fields })
    }

    /// Whether the condition of one rule is true of the row that is read; none when it is unknown.
    fn holds(&self, id: EntityId, at: usize, request: &Request, principal: &Principal) -> Result<Option<bool>> {
        for opposite in [false, true] {
            let policy = self.engine.policy.alone(id, at, opposite);
            let caller = Arc::new(self.engine.bind_under(principal.clone(), policy));
            match (Client { caller, ..self.clone() }).answer(request) {
                Ok(_) => return Ok(Some(!opposite)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
