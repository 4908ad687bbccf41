//! What is written down of one attempt.

use std::fmt::Write;

use crate::value::DateTime;

/// The longest name or id in a line, in characters: a caller chooses some of them.
const LONGEST: usize = 200;

/// One attempt. A host that writes lines of its own may add to [`Line::to_json`], as a daemon does with numbers and
/// hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it ended.
    pub timestamp: DateTime,
    /// The caller's id; none for trusted code and for anonymous callers.
    pub user: Option<String>,
    /// The caller's roles with commas between them; `system` for trusted code, none for anonymous callers.
    pub role: Option<String>,
    /// What was asked for: `create`, or the name of a declared operation.
    pub operation: String,
    /// The entity, as it was called where there is none of that name.
    pub entity: Option<String>,
    /// The key of the row, where one row was meant or made.
    pub id: Option<String>,
    /// Whether it was done.
    pub success: bool,
    /// The code of the error; `CANCELLED` where nobody waited for the end.
    pub error: Option<&'static str>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The host's number for the request.
    pub request_id: Option<String>,
    /// Where the request came from.
    pub peer: Option<String>,
    /// What the content scan or the sandbox met, by the name of its pattern or rule: somebody should look at this line.
    pub incident: Option<String>,
}

impl Line {
    /// One line of JSON without its line break. Line breaks and control characters in names are escaped, so that nobody
    /// adds a line by a name.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(256);
        out.push('{');
        text(&mut out, "timestamp", Some(&self.timestamp.to_string()));
        text(&mut out, "user", self.user.as_deref());
        text(&mut out, "role", self.role.as_deref());
        text(&mut out, "operation", Some(&self.operation));
        text(&mut out, "entity", self.entity.as_deref());
        text(&mut out, "id", self.id.as_deref());
        write!(out, ",\"success\":{}", self.success).expect("writing to a String cannot fail");
        text(&mut out, "error", self.error);
        write!(out, ",\"duration_ms\":{}", self.duration_ms).expect("writing to a String cannot fail");
        text(&mut out, "request_id", self.request_id.as_deref());
        text(&mut out, "peer", self.peer.as_deref());
        if let Some(incident) = &self.incident {
            text(&mut out, "incident", Some(incident));
        }
        out.push('}');
        out
    }
}

/// One entry of the object.
fn text(out: &mut String, name: &str, value: Option<&str>) {
    if !out.ends_with('{') {
        out.push(',');
    }
    quoted(out, name);
    out.push(':');
    match value {
        Some(value) => quoted(out, value),
        None => out.push_str("null"),
    }
}

/// A text as JSON, cut where it is absurdly long. What ends a line anywhere is escaped as well.
fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for (position, letter) in text.chars().enumerate() {
        if position == LONGEST {
            out.push('…');
            break;
        }
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') => {
                write!(out, "\\u{:04x}", u32::from(letter)).expect("writing to a String cannot fail");
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_of_json() {
        let line = Line {
            timestamp: DateTime::from_epoch_millis(1_705_314_600_000).expect("in range"),
            user: Some("user_123\n{\"x\":1}\u{1b}[31m\u{2028}\"\\".into()),
            role: None,
            operation: "create".into(),
            entity: Some("é".repeat(1_000_000)),
            id: None,
            success: true,
            error: None,
            duration_ms: 45,
            request_id: None,
            peer: Some("127.0.0.1:5".into()),
            incident: Some("lua_library".into()),
        };
        let text = line.to_json();
        assert!(text.len() < 1_000 && !text.contains(['\n', '\u{1b}', '\u{2028}']), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read["timestamp"], "2024-01-15T10:30:00.000Z");
        assert_eq!(read["user"].as_str(), line.user.as_deref());
        assert_eq!((read["success"].as_bool(), read["duration_ms"].as_i64()), (Some(true), Some(45)));
        assert!(read["role"].is_null() && read["error"].is_null() && read["incident"] == "lua_library");
        let keys: Vec<&String> = read.as_object().expect("an object").keys().collect();
        assert_eq!(keys.len(), 12);
    }
}
