use std::borrow::Cow;

use dbal::value::text::{TextMatch, check, fold, fold_char, is_email, like};
use proptest::prelude::*;

#[test]
fn folding_is_simple_folding() {
    for (text, folded) in [
        ("", ""),
        ("ada", "ada"),
        ("ADA", "ada"),
        ("ÄÖÜ", "äöü"),
        ("Straße", "straße"),
        ("STRAẞE", "straße"),
        ("İ", "İ"),
        ("ı", "ı"),
        ("I", "i"),
        ("ΣΑΣ", "σασ"),
        ("ς", "σ"),
        ("\u{212A}", "k"),
        ("ſ", "s"),
        ("Ꭰ", "Ꭰ"),
        ("ꭰ", "Ꭰ"),
        ("𐐀", "𐐨"),
        ("ﬁ", "ﬁ"),
    ] {
        assert_eq!(fold(text), folded, "{text}");
    }
}

#[test]
fn folded_text_is_borrowed() {
    for text in ["plain", "größe", ""] {
        assert!(matches!(fold(text), Cow::Borrowed(_)), "{text}");
    }
}

#[test]
fn folding_all_of_unicode_twice_changes_nothing() {
    for c in '\0'..=char::MAX {
        let folded = fold_char(c);
        assert_eq!(fold_char(folded), folded, "{c:?}");
        // One to one also where lower case is not: the letter itself, its fold and the fold of its text agree.
        assert_eq!(fold(c.encode_utf8(&mut [0; 4])), folded.to_string(), "{c:?}");
    }
}

#[test]
fn like_edges() {
    for (text, pattern, expected) in [
        ("", "", true),
        ("", "%", true),
        ("", "%%", true),
        ("", "_", false),
        ("a", "", false),
        ("a", "_", true),
        ("ab", "_", false),
        ("é", "_", true),
        ("👩‍🚀", "___", true),
        ("日本", "日_", true),
        ("日本", "__", true),
        ("日本", "___", false),
        ("abc", "a%", true),
        ("abc", "%c", true),
        ("abc", "%b%", true),
        ("abc", "a%b", false),
        ("abcabc", "%abc", true),
        ("aab", "%ab", true),
        ("100%", "100\\%", true),
        ("1000", "100\\%", false),
        ("a_b", "a\\_b", true),
        ("axb", "a\\_b", false),
        ("a\\b", "a\\\\b", true),
        ("a\\", "a\\", true),
        ("a", "a\\", false),
        ("a\\", "%\\", true),
        ("né", "n\\é", true),
        ("n", "\\n", true),
        ("a%c", "%\\%%", true),
        ("abc", "%\\%%", false),
        ("A", "a", false),
        ("a\nb", "a_b", true),
        ("a.c", "a.c", true),
        ("abc", "a.c", false),
        ("abc", "a*", false),
        ("\u{80}", "%\u{80}", true),
        // The pattern's first byte is a continuation-free prefix shared by both letters.
        ("éè", "%è", true),
        ("xéyè", "%_è", true),
    ] {
        assert_eq!(like(text, pattern), expected, "{text:?} like {pattern:?}");
    }
}

#[test]
fn like_does_not_explode() {
    let text = "a".repeat(20_000);
    let pattern = format!("{}b", "%a".repeat(200));
    let start = std::time::Instant::now();
    assert!(!like(&text, &pattern));
    assert!(start.elapsed().as_secs() < 5, "took {:?}", start.elapsed());
}

/// The definition, in the words of the page: slow, and obviously right.
fn like_reference(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|eaten| like_reference(&text[eaten..], rest)),
        ['_', rest @ ..] => !text.is_empty() && like_reference(&text[1..], rest),
        ['\\', c, rest @ ..] | [c, rest @ ..] => text.first() == Some(c) && like_reference(&text[1..], rest),
    }
}

#[test]
fn matches_of_every_kind() {
    use TextMatch::{Contains, EndsWith, Like, StartsWith};
    for (op, text, pattern, exact, folded) in [
        (Contains, "Grace", "rac", true, true),
        (Contains, "Grace", "RAC", false, true),
        (Contains, "50%", "%", true, true),
        (Contains, "50", "%", false, false),
        (StartsWith, "Grace", "gr", false, true),
        (StartsWith, "Grace", "", true, true),
        (EndsWith, "Grace", "CE", false, true),
        (EndsWith, "", "", true, true),
        (Like, "Grace", "g%", false, true),
        (Like, "STRASSE", "straße", false, false),
    ] {
        assert_eq!(op.holds(text, pattern), exact, "{op:?} {text} {pattern}");
        assert_eq!(op.holds_folded(text, pattern), folded, "{op:?} {text} {pattern} folded");
    }
}

#[test]
fn nul_is_refused_anywhere() {
    assert!(check("").is_ok());
    assert!(check("\u{1}\u{FFFF}").is_ok());
    for text in ["\0", "a\0", "\0a", "a\0b"] {
        assert!(check(text).is_err());
    }
}

#[test]
fn addresses_by_the_rule_of_html() {
    let label = "a".repeat(63);
    let longest = format!("x@{label}.{label}");
    for address in
        ["a@b", "ada@example.org", "a.b.c@x", ".a.@x", "a..b@x", "!#$%&'*+/=?^_`{|}~-@x", "A9@A-9.z", longest.as_str()]
    {
        assert!(is_email(address), "{address}");
    }
    let too_long = format!("x@{label}a");
    for text in [
        "",
        "@",
        "a",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a@-b",
        "a@b-",
        "a@b.",
        "a@.b",
        "a@b..c",
        "ä@b",
        "a@ä",
        "a@b_c",
        " a@b",
        "a@b ",
        "a@b\n",
        "\"a\"@b",
        "a,b@c",
        "(a)@b",
        "a@[127.0.0.1]",
        too_long.as_str(),
    ] {
        assert!(!is_email(text), "{text:?}");
    }
}

proptest! {
    #[test]
    fn like_agrees_with_its_definition(text in "[ab%_é\\\\]{0,10}", pattern in "[ab%_é\\\\]{0,8}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(like(&text, &pattern), like_reference(&chars(&text), &chars(&pattern)));
    }

    #[test]
    fn folding_keeps_the_number_of_code_points(text in any::<String>()) {
        let folded = fold(&text);
        prop_assert_eq!(folded.chars().count(), text.chars().count());
        prop_assert_eq!(fold(&folded), folded.as_ref());
    }
}
