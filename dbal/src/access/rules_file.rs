//! `acl.yaml`: rules in one file, in place of the `acl` blocks of entities.
//!
//! ```yaml
//! rules:
//!   - id: readers see their level        # absent: the file and the rule's number
//!     entity: PageView
//!     role: [user, admin]                # or `public: true`, everybody
//!     operations: [read]
//!     row_level_filter: "level <= $user.level"
//!     fields: { read: [slug, title] }    # narrows; absent: all fields
//!     effect: permit                     # or forbid
//! ```
//!
//! What an entity declares as `system` stays so whatever the file says, with a warning. A forbid rule with `fields`
//! takes those fields away on all rows and leaves the verbs alone.

use std::collections::HashMap;

use super::acl::{fields, is_system};
use super::expression::{Pool, compile_into};
use super::policy::{Effect, EntityPolicy, FieldSet, Policy, Rule, Who};
use crate::query::ast::Expr;
use crate::schema::{Entity, EntityId, Schema, Verb};
use crate::yaml::{Block, Faults, Node, Place, Report, nearest};

impl Policy {
    /// The rules of a file. Field rules and checks of the schema stay in force.
    ///
    /// ```
    /// use dbal::access::Policy;
    /// use dbal::schema::load_value;
    /// use dbal::value;
    ///
    /// let schema = load_value(&value!({
    ///     "entity": "Note",
    ///     "fields": { "id": { "type": "uuid", "primary": true }, "level": { "type": "integer" } }
    /// }))?.schema;
    /// let rule = |filter: &str| {
    ///     format!("rules: [{{ entity: Note, role: [user], operations: [read], row_level_filter: {filter} }}]")
    /// };
    /// assert!(Policy::from_rules(&schema, &rule("level <= $user.level"), "acl.yaml").is_ok());
    /// let faults = Policy::from_rules(&schema, &rule("levle = 'x'"), "acl.yaml").unwrap_err();
    /// assert!(faults.to_string().ends_with("column 1: unknown field `levle` of Note; did you mean `level`?"));
    /// # Ok::<(), dbal::yaml::Faults>(())
    /// ```
    ///
    /// # Errors
    /// Every fault with its line and column; a file with one fault gives no policy at all.
    pub fn from_rules(schema: &Schema, text: &str, file: &str) -> Result<Policy, Faults> {
        let report = Report::new();
        let document = report.read_one(file, text);
        let mut reader = Reader { schema, report: &report, file, pool: Pool::default(), ids: HashMap::new() };
        let rules = reader.file(&document);
        let mut pool = reader.pool;
        let mut warnings = Vec::new();
        let mut entities: Vec<EntityPolicy> = Vec::new();
        for (id, entity) in schema.entities() {
            let fields = fields(schema, id, &mut pool, &mut warnings);
            entities.push(EntityPolicy { name: entity.name.clone(), key: entity.key, rules: Vec::new(), fields });
        }
        for (entity, rule) in rules {
            entities[usize::from(entity.0)].rules.push(rule);
        }
        let (entities, odd) = report.finish(entities)?;
        warnings.extend(odd);
        Ok(Policy::new(schema.version(), entities, pool.into_params(), warnings))
    }
}

struct Reader<'r> {
    schema: &'r Schema,
    report: &'r Report,
    file: &'r str,
    pool: Pool,
    /// Ids given so far and the line of each.
    ids: HashMap<String, u32>,
}

impl Reader<'_> {
    fn file(&mut self, document: &Node) -> Vec<(EntityId, Rule)> {
        let Some(mut file) = self.report.strict(document, "the rules file") else { return Vec::new() };
        let entry = file.entry("rules");
        file.finish();
        let Some(entry) = entry else {
            self.report.error(document.place, "expected `rules:` with a list; `rules: []` permits nothing to anybody");
            return Vec::new();
        };
        let Some(items) = entry.value.as_list() else {
            let message = format!("rules: expected a list, found {}", entry.value.describe());
            self.report.error(entry.value.place, message);
            return Vec::new();
        };
        let mut rules = Vec::with_capacity(items.len());
        for (position, item) in items.iter().enumerate() {
            rules.extend(self.rule(item, position + 1));
        }
        rules
    }

    fn rule(&mut self, node: &Node, number: usize) -> Option<(EntityId, Rule)> {
        let mut block = self.report.strict(node, format!("rule {number}"))?;
        let id = self.id(&mut block, number);
        let entity = self.entity(&mut block);
        let who = self.who(&mut block);
        let verbs = self.verbs(&mut block);
        let effect = block.word("effect", &[("permit", Effect::Permit), ("forbid", Effect::Forbid)]);
        let effect = effect.unwrap_or(Effect::Permit);
        let filter = self.filter(&mut block, entity, &id);
        let (read, write) = self.fields(&mut block, entity);
        if effect == Effect::Forbid && filter.is_some() && (read.is_some() || write.is_some()) {
            let message =
                format!("rule {number}: forbids fields on some rows only; keep `fields` or `row_level_filter`");
            self.report.error(node.place, message);
        }
        block.finish();
        let (entity, who, mut verbs) = (entity?, who?, verbs?);
        self.close_system(node, entity, effect, &mut verbs, &id);
        Some((entity, Rule { id, effect, verbs, who, filter: filter.unwrap_or(Expr::TRUE), read, write }))
    }

    fn id(&mut self, block: &mut Block<'_>, number: usize) -> String {
        let Some(entry) = block.entry("id") else { return format!("{}:rule {number}", self.file) };
        let Some(id) = entry.value.as_str().filter(|id| !id.trim().is_empty()) else {
            block.wrong(entry, "a name");
            return String::new();
        };
        if let Some(line) = self.ids.insert(id.to_owned(), entry.place.line) {
            let message = format!("the id `{id}` is taken by the rule in line {line}");
            self.report.error(entry.value.place, message);
        }
        id.to_owned()
    }

    fn entity(&self, block: &mut Block<'_>) -> Option<EntityId> {
        let Some(entry) = block.entry("entity") else {
            self.missing(block, "entity", "the name of an entity");
            return None;
        };
        let Some(name) = entry.value.as_str() else {
            block.wrong(entry, "the name of an entity");
            return None;
        };
        let known = self.schema.by_name(name);
        if known.is_none() {
            let names = self.schema.entities().map(|(_, entity)| entity.name.as_str());
            let message = format!("unknown entity `{name}`{}", hint(name, names));
            self.report.error(entry.value.place, message);
        }
        known
    }

    fn who(&self, block: &mut Block<'_>) -> Option<Who> {
        let everybody = block.boolean("public");
        let Some(entry) = block.entry("role") else {
            if everybody == Some(true) {
                return Some(Who::Everybody);
            }
            self.missing(block, "role", "a list of roles, or `public: true`");
            return None;
        };
        if everybody.is_some() {
            self.report.error(entry.place, "says `role` and `public`; keep one");
        }
        let roles = self.words(block, &entry.value, "role")?;
        for (role, place) in &roles {
            let message = match role.as_str() {
                "public" => "`public` is no role; write `public: true` for everybody",
                "system" => "trusted code needs no rule, and no rule makes anybody trusted",
                "self" => "`self` is no role; write a `row_level_filter` such as `owner_id = $user.id`",
                "" => "expected the name of a role, found an empty text",
                _ => continue,
            };
            self.report.error(*place, message);
        }
        Some(Who::Roles(roles.into_iter().map(|(role, _)| role).collect()))
    }

    fn verbs(&self, block: &mut Block<'_>) -> Option<[bool; 4]> {
        let Some(entry) = block.entry("operations") else {
            self.missing(block, "operations", "a list of create, read, update, delete");
            return None;
        };
        let mut verbs = [false; 4];
        for (word, place) in self.words(block, &entry.value, "operations")? {
            match Verb::parse(&word) {
                Some(verb) => verbs[verb as usize] = true,
                None => {
                    let message = format!("unknown operation `{word}`; expected create, read, update or delete");
                    self.report.error(place, message);
                }
            }
        }
        Some(verbs)
    }

    fn filter(&mut self, block: &mut Block<'_>, entity: Option<EntityId>, id: &str) -> Option<Expr> {
        let entry = block.entry("row_level_filter")?;
        let Some(text) = entry.value.as_str() else {
            block.wrong(entry, "an expression");
            return None;
        };
        // Without the entity there is nothing to type against; the grammar alone can wait for the next look.
        match compile_into(&mut self.pool, self.schema, entity?, text) {
            Ok(expr) => Some(expr),
            Err(faults) => {
                for fault in faults {
                    let message = format!("rule `{id}`: row_level_filter, {fault}");
                    self.report.error(entry.value.place, message);
                }
                None
            }
        }
    }

    /// The fields to read and those to write.
    fn fields(&self, block: &mut Block<'_>, entity: Option<EntityId>) -> (Option<FieldSet>, Option<FieldSet>) {
        let Some(mut fields) = block.block("fields") else { return (None, None) };
        let entity = entity.map(|id| self.schema.entity(id));
        let read = fields.get("read").map(|node| self.field_set(&fields, node, entity, "read"));
        let write = fields.get("write").map(|node| self.field_set(&fields, node, entity, "write"));
        if read.is_none() && write.is_none() {
            self.report.error(fields.place(), "fields: expected `read`, `write` or both");
        }
        fields.finish();
        (read, write)
    }

    fn field_set(&self, block: &Block<'_>, node: &Node, entity: Option<&Entity>, what: &str) -> FieldSet {
        // No field at all is a meaning here: a rule may show rows by their keys alone.
        if node.as_list().is_some_and(<[Node]>::is_empty) {
            return FieldSet::new();
        }
        let (Some(names), Some(entity)) = (self.words(block, node, what), entity) else { return FieldSet::new() };
        let known = |(name, place): (String, Place)| {
            let id = entity.field_by_name(&name);
            if id.is_none() {
                let hint = hint(&name, entity.fields.iter().map(|field| field.name.as_str()));
                self.report.error(place, format!("unknown field `{name}` of {}{hint}", entity.name));
            }
            id
        };
        names.into_iter().filter_map(known).collect()
    }

    /// The texts of a list, with places; an empty list and repetitions are faults.
    fn words(&self, block: &Block<'_>, node: &Node, what: &str) -> Option<Vec<(String, Place)>> {
        let texts = block.texts_of(node, what);
        let items = node.as_list().unwrap_or(std::slice::from_ref(node));
        if items.is_empty() {
            self.report.error(node.place, format!("{what}: expected at least one, found an empty list"));
            return None;
        }
        let mut words: Vec<(String, Place)> = Vec::with_capacity(texts.len());
        for item in items {
            let Some(word) = item.as_str() else { continue };
            if words.iter().any(|(earlier, _)| earlier == word) {
                self.report.error(item.place, format!("{what}: `{word}` comes twice"));
            } else {
                words.push((word.to_owned(), item.place));
            }
        }
        Some(words)
    }

    /// Takes back what a rule cannot give.
    fn close_system(&self, node: &Node, entity: EntityId, effect: Effect, verbs: &mut [bool; 4], id: &str) {
        let entity = self.schema.entity(entity);
        for verb in Verb::ALL {
            let named = std::mem::take(&mut verbs[verb as usize]);
            let closed = named && effect == Effect::Permit && is_system(entity, verb);
            if closed {
                let (name, verb) = (&entity.name, verb.as_str());
                let message = format!("rule `{id}`: {verb} of {name} is declared `system`; the rule does not open it");
                self.report.warning(node.place, message);
            }
            verbs[verb as usize] = named && !closed;
        }
    }

    fn missing(&self, block: &Block<'_>, key: &str, expected: &str) {
        self.report.error(block.place(), format!("{} has no `{key}`; expected {expected}", block.what()));
    }
}

fn hint<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    nearest(name, known).map_or_else(String::new, |known| format!("; did you mean `{known}`?"))
}
