//! Texts that are not shown.

use std::fmt;

/// A text that is never part of `Debug`, of an error or of a log: a URL with a password, a key, a token. Whoever needs
/// it asks for it by [`Secret::expose`].
///
/// ```
/// use dbal::config::Secret;
/// let url = Secret::new("postgresql://ada:hunter2@db.example.org/app");
/// assert_eq!(format!("{url:?}"), "***");
/// assert_eq!(url.masked(), "postgresql://ada:***@db.example.org/app");
/// assert_eq!(Secret::new("hunter2").masked(), "***");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What stands in place of what is not shown.
const MASK: &str = "***";

impl Secret {
    /// Keeps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What may be shown: of a URL all but its password and the values of its options, of anything else nothing.
    pub fn masked(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once(':') else { return MASK.to_owned() };
        let named = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+');
        let local = matches!(scheme, "sqlite" | "file" | "memory");
        if !named || !(local || rest.starts_with("//")) {
            return MASK.to_owned();
        }
        let (path, options) = match rest.split_once('?') {
            Some((path, options)) => (path, Some(options)),
            None => (rest, None),
        };
        // A password with a `?` that nobody escaped: what stands before the `@` cannot be told apart.
        if !local && !path.contains('@') && options.is_some_and(|options| options.contains('@')) {
            return format!("{scheme}:{MASK}");
        }
        // The last `@`: a password may hold one that nobody escaped, and whatever stands before it is not shown.
        let path = match path.rsplit_once('@') {
            Some((before, host)) if !local => {
                let user = before.trim_start_matches('/').split(':').next().unwrap_or_default();
                format!("//{user}:{MASK}@{host}")
            }
            _ => path.to_owned(),
        };
        let options = options.map(|options| {
            let shown = options.split('&').map(|option| match option.split_once('=') {
                Some((name, _)) => format!("{name}={MASK}"),
                None => MASK.to_owned(),
            });
            format!("?{}", shown.collect::<Vec<_>>().join("&"))
        });
        format!("{scheme}:{path}{}", options.unwrap_or_default())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_url_only_what_is_no_secret_is_shown() {
        for (url, shown) in [
            ("sqlite:app.db", "sqlite:app.db"),
            ("file:./a@b.db", "file:./a@b.db"),
            ("memory:", "memory:"),
            ("postgresql://db/app", "postgresql://db/app"),
            ("postgresql://ada@db/app", "postgresql://ada:***@db/app"),
            ("postgresql://ada:hunter2@db:5432/app?sslmode=disable", "postgresql://ada:***@db:5432/app?sslmode=***"),
            ("postgresql://ada:hun@ter2@db/app", "postgresql://ada:***@db/app"),
            ("postgresql://ada:hun?ter2@db/app", "postgresql:***"),
            ("postgresql://db/app?user=ada&password=hunter2", "postgresql://db/app?user=***&password=***"),
            ("mongodb+srv://ada:hunter2@db/app", "mongodb+srv://ada:***@db/app"),
            ("hunter2", "***"),
            ("hunter2:rest", "***"),
            ("", "***"),
        ] {
            assert_eq!(Secret::new(url).masked(), shown, "{url}");
            assert!(!format!("{:?}", Secret::new(url)).contains("hunter2"));
        }
    }
}
