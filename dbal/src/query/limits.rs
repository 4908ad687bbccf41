//! The greatest request that is served. Configurable downwards; passing one is an error, never a truncation.

use crate::value::Value;

/// Limits of SEMANTICS.md with their defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nesting in a filter.
    pub filter_depth: usize,
    /// Conditions in a filter; the values of an `$in` do not count.
    pub filter_nodes: usize,
    /// Values of one `$in`.
    pub in_values: usize,
    /// Levels of includes.
    pub include_depth: usize,
    /// Relations included in one request, on all levels.
    pub include_relations: usize,
    /// Related rows in one answer for a bound caller, each counted as often as it is given; in a stream, those of one
    /// batch of rows. Relations that lead back and forth would else multiply with each level.
    pub included_rows: usize,
    /// Bytes of the values of one written row.
    pub row_bytes: usize,
    /// Bytes of the texts of one index, together: what every backend can index.
    pub index_bytes: usize,
    /// Bytes of all values of one request.
    pub request_bytes: usize,
    /// Rows of one create_many or upsert_many.
    pub many_rows: usize,
    /// Entries of one batch.
    pub batch_entries: usize,
    /// Rows of one answer for a bound caller where the operation declares none.
    pub bound_rows: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            filter_depth: 32,
            filter_nodes: 1_000,
            in_values: 10_000,
            include_depth: 5,
            include_relations: 20,
            included_rows: 100_000,
            row_bytes: 15 << 20,
            index_bytes: 2_000,
            request_bytes: 32 << 20,
            many_rows: 100_000,
            batch_entries: 1_000,
            bound_rows: 100,
        }
    }
}

impl Limits {
    /// Every limit by its name, with its number.
    pub fn list(&self) -> [(&'static str, usize); 12] {
        let mut all = *self;
        let mut listed = [("bound_rows", self.bound_rows as usize); 12];
        listed.iter_mut().zip(all.places()).for_each(|(listed, (name, number))| *listed = (name, *number));
        listed
    }

    /// Lowers the limit of a name. None can be raised.
    ///
    /// ```
    /// use dbal::query::limits::Limits;
    /// use dbal::Value;
    /// let mut limits = Limits::default();
    /// limits.lower("in_values", &Value::Int(50)).unwrap();
    /// assert_eq!(limits.in_values, 50);
    /// assert_eq!(limits.lower("filter_depth", &Value::Int(33)).unwrap_err(), "expected a whole number from 1 to 32");
    /// ```
    ///
    /// # Errors
    /// What was expected instead, to be told with the place where it stands.
    pub fn lower(&mut self, name: &str, number: &Value) -> Result<(), String> {
        let Some((_, most)) = Limits::default().list().into_iter().find(|(known, _)| *known == name) else {
            let known = self.list().map(|(name, _)| name);
            return Err(format!("unknown limit; expected one of {}", known.join(", ")));
        };
        let given = number.as_i64().and_then(|number| usize::try_from(number).ok());
        let Some(given) = given.filter(|given| (1..=most).contains(given)) else {
            return Err(format!("expected a whole number from 1 to {most}"));
        };
        if let Some((_, place)) = self.places().into_iter().find(|(known, _)| *known == name) {
            *place = given;
            return Ok(());
        }
        self.bound_rows = u32::try_from(given).expect("no more than its default");
        Ok(())
    }

    /// Those that are numbers of one kind: all but `bound_rows`.
    fn places(&mut self) -> [(&'static str, &mut usize); 11] {
        [
            ("filter_depth", &mut self.filter_depth),
            ("filter_nodes", &mut self.filter_nodes),
            ("in_values", &mut self.in_values),
            ("include_depth", &mut self.include_depth),
            ("include_relations", &mut self.include_relations),
            ("included_rows", &mut self.included_rows),
            ("row_bytes", &mut self.row_bytes),
            ("index_bytes", &mut self.index_bytes),
            ("request_bytes", &mut self.request_bytes),
            ("many_rows", &mut self.many_rows),
            ("batch_entries", &mut self.batch_entries),
        ]
    }
}
