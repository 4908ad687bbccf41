//! Written by `cargo xtask codegen` from api/schema/capabilities.yaml. Do not edit.

/// How a backend offers a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Support {
    /// Requests that need it are refused with CAPABILITY_NOT_SUPPORTED before any IO.
    Unsupported,
    /// The engine does it, with the same result as a native one.
    Emulated,
    /// The backend does it.
    Native,
}

/// What a backend can do. Owned by its adapter, read by the planner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Several writes apply together or not at all.
    pub transactions: Support,
    /// Savepoints inside a transaction.
    pub nested_transactions: Support,
    /// A failed statement can be caught and its transaction goes on.
    pub statement_savepoints: Support,
    /// Related rows in one statement.
    pub joins: Support,
    /// `$search` over the searchable fields.
    pub full_text_search: Support,
    /// Expired rows are hidden and removed.
    pub ttl: Support,
    /// Comparisons at a path inside a json field.
    pub json_queries: Support,
    /// sum, avg, min, max and group_by.
    pub aggregations: Support,
    /// Includes and relation filters.
    pub relations: Support,
    /// References are checked and cascaded.
    pub foreign_keys: Support,
    /// Unique keys, several nulls allowed.
    pub unique_indexes: Support,
    /// Tables, indexes and constraints can be created.
    pub migrations: Support,
    /// An existing database can be read back as entities.
    pub schema_introspection: Support,
    /// Several connections serve one client.
    pub connection_pooling: Support,
    /// Reads outside transactions may go to replicas.
    pub read_replicas: Support,
    /// Insert or update by a unique key, atomically.
    pub upsert: Support,
    /// Writes return the rows they wrote.
    pub returning: Support,
    /// Case-insensitive text comparison.
    pub case_insensitive_match: Support,
    /// Order and ranges on bytes fields.
    pub ordered_bytes: Support,
    /// Committed changes can be followed.
    pub change_streams: Support,
    /// A running statement is stopped at the deadline.
    pub query_timeout: Support,
    /// The most parameters one statement takes.
    pub max_parameters: u32,
    /// The most bytes in a table, column or index name.
    pub max_identifier_length: u32,
    /// The most bytes in one row.
    pub max_row_bytes: u64,
}

impl Capabilities {
    /// A backend that can do nothing; adapters name what they have.
    pub const NONE: Capabilities = Capabilities {
        transactions: Support::Unsupported,
        nested_transactions: Support::Unsupported,
        statement_savepoints: Support::Unsupported,
        joins: Support::Unsupported,
        full_text_search: Support::Unsupported,
        ttl: Support::Unsupported,
        json_queries: Support::Unsupported,
        aggregations: Support::Unsupported,
        relations: Support::Unsupported,
        foreign_keys: Support::Unsupported,
        unique_indexes: Support::Unsupported,
        migrations: Support::Unsupported,
        schema_introspection: Support::Unsupported,
        connection_pooling: Support::Unsupported,
        read_replicas: Support::Unsupported,
        upsert: Support::Unsupported,
        returning: Support::Unsupported,
        case_insensitive_match: Support::Unsupported,
        ordered_bytes: Support::Unsupported,
        change_streams: Support::Unsupported,
        query_timeout: Support::Unsupported,
        max_parameters: 0,
        max_identifier_length: 0,
        max_row_bytes: 0,
    };

    /// Every capability by name with its support, in the order of capabilities.yaml.
    pub fn list(&self) -> Vec<(&'static str, Support)> {
        vec![
            ("transactions", self.transactions),
            ("nested_transactions", self.nested_transactions),
            ("statement_savepoints", self.statement_savepoints),
            ("joins", self.joins),
            ("full_text_search", self.full_text_search),
            ("ttl", self.ttl),
            ("json_queries", self.json_queries),
            ("aggregations", self.aggregations),
            ("relations", self.relations),
            ("foreign_keys", self.foreign_keys),
            ("unique_indexes", self.unique_indexes),
            ("migrations", self.migrations),
            ("schema_introspection", self.schema_introspection),
            ("connection_pooling", self.connection_pooling),
            ("read_replicas", self.read_replicas),
            ("upsert", self.upsert),
            ("returning", self.returning),
            ("case_insensitive_match", self.case_insensitive_match),
            ("ordered_bytes", self.ordered_bytes),
            ("change_streams", self.change_streams),
            ("query_timeout", self.query_timeout),
        ]
    }

    /// Every limit by name, in the order of capabilities.yaml.
    pub fn limits(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("max_parameters", u64::from(self.max_parameters)),
            ("max_identifier_length", u64::from(self.max_identifier_length)),
            ("max_row_bytes", self.max_row_bytes),
        ]
    }

    /// Says what a capability is offered as, by its name; false for a name that is none.
    pub fn set(&mut self, name: &str, support: Support) -> bool {
        match name {
            "transactions" => self.transactions = support,
            "nested_transactions" => self.nested_transactions = support,
            "statement_savepoints" => self.statement_savepoints = support,
            "joins" => self.joins = support,
            "full_text_search" => self.full_text_search = support,
            "ttl" => self.ttl = support,
            "json_queries" => self.json_queries = support,
            "aggregations" => self.aggregations = support,
            "relations" => self.relations = support,
            "foreign_keys" => self.foreign_keys = support,
            "unique_indexes" => self.unique_indexes = support,
            "migrations" => self.migrations = support,
            "schema_introspection" => self.schema_introspection = support,
            "connection_pooling" => self.connection_pooling = support,
            "read_replicas" => self.read_replicas = support,
            "upsert" => self.upsert = support,
            "returning" => self.returning = support,
            "case_insensitive_match" => self.case_insensitive_match = support,
            "ordered_bytes" => self.ordered_bytes = support,
            "change_streams" => self.change_streams = support,
            "query_timeout" => self.query_timeout = support,
            _ => return false,
        }
        true
    }
}
