//! Where variables come from.

use std::collections::HashMap;
use std::fmt;

/// The variables that a configuration may name. A process's own, or given ones.
pub struct Environment(Source);

enum Source {
    Process,
    Given(HashMap<String, String>),
}

impl Environment {
    /// The variables of this process.
    pub fn process() -> Self {
        Environment(Source::Process)
    }

    /// These and no others.
    ///
    /// ```
    /// use dbal::config::Environment;
    /// let environment = Environment::given([("DATABASE_URL", "memory:")]);
    /// assert_eq!(environment.get("DATABASE_URL").as_deref(), Some("memory:"));
    /// assert_eq!(environment.get("HOME"), None);
    /// ```
    pub fn given<K: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        Environment(Source::Given(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect()))
    }

    /// The value of a variable; none when it is unset or is not text.
    pub fn get(&self, name: &str) -> Option<String> {
        match &self.0 {
            Source::Process => std::env::var(name).ok(),
            Source::Given(variables) => variables.get(name).cloned(),
        }
    }

    /// The value of a variable that is set to something.
    pub fn filled(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty())
    }
}

/// Values are secrets as often as not.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}
