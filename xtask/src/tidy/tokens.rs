//! Which paths a Rust file names. It works on tokens, so that comments and strings do not count and the insides of
//! macro calls do.

use proc_macro2::{Delimiter, Group, Ident, Spacing, TokenStream, TokenTree};

/// A path as it stands in code: `crate::sql::ddl`, `std::fs`, or one name alone.
#[derive(Debug, PartialEq, Eq)]
pub struct Mention {
    /// The line of its first name, from 1.
    pub line: usize,
    /// Its names; `crate`, `self` and `super` are resolved, and a path inside the crate starts with `crate`.
    pub path: Vec<String>,
}

/// What one file names outside `#[cfg(test)]`.
#[derive(Debug, Default)]
pub struct Mentions {
    /// Paths, in order.
    pub paths: Vec<Mention>,
    /// Modules declared for tests only (`#[cfg(test)] mod x;`), as paths from the crate.
    pub test_modules: Vec<Vec<String>>,
}

/// Reads a file that is the module `module` of its crate.
pub fn mentions(text: &str, module: &[String]) -> Result<Mentions, (usize, String)> {
    let stream: TokenStream =
        text.parse().map_err(|fault: proc_macro2::LexError| (fault.span().start().line, fault.to_string()))?;
    let mut out = Mentions::default();
    walk(stream, module, &mut out);
    Ok(out)
}

fn walk(stream: TokenStream, module: &[String], out: &mut Mentions) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if let Some(after) = test_item(&tokens, at, module, out) {
            at = after;
            continue;
        }
        at = match &tokens[at] {
            TokenTree::Group(group) => {
                walk(group.stream(), module, out);
                at + 1
            }
            TokenTree::Ident(word) if word == "mod" => inline_module(&tokens, at, module, out),
            TokenTree::Ident(_) => path(&tokens, at, &[], module, out),
            _ => at + 1,
        };
    }
}

/// Steps into `mod name { … }`; any other use of the word is left to the caller.
fn inline_module(tokens: &[TokenTree], at: usize, module: &[String], out: &mut Mentions) -> usize {
    let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) = (tokens.get(at + 1), tokens.get(at + 2)) else {
        return at + 1;
    };
    let mut inner = module.to_vec();
    inner.push(name.to_string());
    walk(body.stream(), &inner, out);
    at + 3
}

/// Where an item under `#[cfg(test)]` ends, if one starts here.
fn test_item(tokens: &[TokenTree], at: usize, module: &[String], out: &mut Mentions) -> Option<usize> {
    let mut after = at;
    let mut for_tests = false;
    while let Some(attribute) = attribute(tokens, after) {
        for_tests |= is_cfg_test(attribute);
        after += 2;
    }
    if !for_tests {
        return None;
    }
    let item = &tokens[after..];
    let is_word =
        |position: usize, expected: &str| matches!(&item[position], TokenTree::Ident(word) if word == expected);
    let import = (0..item.len().min(3)).any(|position| is_word(position, "use"));
    if let Some(position) = (0..item.len().min(3)).find(|position| is_word(*position, "mod"))
        && let (Some(TokenTree::Ident(name)), Some(TokenTree::Punct(_))) =
            (item.get(position + 1), item.get(position + 2))
    {
        let mut path = module.to_vec();
        path.push(name.to_string());
        out.test_modules.push(path);
    }
    let end = item.iter().position(|token| match token {
        TokenTree::Punct(mark) => mark.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && !import,
        _ => false,
    });
    Some(after + end.map_or(item.len(), |end| end + 1))
}

fn attribute(tokens: &[TokenTree], at: usize) -> Option<&Group> {
    match (tokens.get(at), tokens.get(at + 1)) {
        (Some(TokenTree::Punct(mark)), Some(TokenTree::Group(group)))
            if mark.as_char() == '#' && group.delimiter() == Delimiter::Bracket =>
        {
            Some(group)
        }
        _ => None,
    }
}

fn is_cfg_test(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// Reads a path, with the tree behind it in an import, and says where it ends. `prefix` is what stands before it in
/// such a tree.
fn path(tokens: &[TokenTree], start: usize, prefix: &[String], module: &[String], out: &mut Mentions) -> usize {
    let mut names = prefix.to_vec();
    let mut first: Option<&Ident> = None;
    let mut at = start;
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(word)) => {
                first.get_or_insert(word);
                names.push(word.to_string());
                at += 1;
            }
            Some(TokenTree::Group(tree))
                if tree.delimiter() == Delimiter::Brace && (at > start || !prefix.is_empty()) =>
            {
                let branches: Vec<TokenTree> = tree.stream().into_iter().collect();
                for branch in branches.split(is_comma) {
                    if !branch.is_empty() {
                        path(branch, 0, &names, module, out);
                    }
                }
                return at + 1;
            }
            // `::<T>`, or `::*` in an import.
            _ => break,
        }
        if !is_double_colon(tokens, at) {
            break;
        }
        at += 2;
    }
    if let Some(first) = first {
        out.paths.push(Mention { line: first.span().start().line, path: resolve(&names, module) });
    } else if at == start {
        // `*` in an import tree names the prefix.
        let line = tokens.get(at).map_or(1, |token| token.span().start().line);
        out.paths.push(Mention { line, path: resolve(&names, module) });
    }
    at.max(start + 1)
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',')
}

fn is_double_colon(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |token: Option<&TokenTree>| match token {
        Some(TokenTree::Punct(mark)) if mark.as_char() == ':' => Some(mark.spacing()),
        _ => None,
    };
    colon(tokens.get(at)) == Some(Spacing::Joint) && colon(tokens.get(at + 1)).is_some()
}

/// `super::x` in `a::b` as `crate::a::x`; a trailing `self` of an import tree goes.
fn resolve(names: &[String], module: &[String]) -> Vec<String> {
    let names = match names {
        [head @ .., last] if last == "self" && !head.is_empty() => head,
        _ => names,
    };
    let relative = names.len() > 1 && (names[0] == "self" || names[0] == "super");
    if !relative {
        return names.to_vec();
    }
    let up = names.iter().take_while(|name| *name == "super" || *name == "self").count();
    let levels = names[..up].iter().filter(|name| *name == "super").count();
    let kept = &module[..module.len().saturating_sub(levels)];
    let own = ["crate".to_owned()];
    own.iter().chain(kept).chain(&names[up..]).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str, module: &[&str]) -> Vec<String> {
        let module: Vec<String> = module.iter().map(|name| (*name).to_owned()).collect();
        let found = mentions(text, &module).expect("the text is Rust");
        found.paths.iter().filter(|mention| mention.path.len() > 1).map(|mention| mention.path.join("::")).collect()
    }

    #[test]
    fn nested_import_trees_are_read_to_their_leaves() {
        assert_eq!(
            named("use crate::{error::Result, sql::{self, ddl::*}, value};", &["plan"]),
            ["crate::error::Result", "crate::sql", "crate::sql::ddl", "crate::value"]
        );
    }

    #[test]
    fn relative_paths_are_resolved() {
        assert_eq!(named("use super::super::exec::x;", &["adapter", "sqlite"]), ["crate::exec::x"]);
        assert_eq!(named("mod inner { use super::x::y; }", &["plan"]), ["crate::plan::x::y"]);
        assert_eq!(named("use self::x::y;", &["plan"]), ["crate::plan::x::y"]);
    }

    #[test]
    fn paths_in_expressions_and_macros_count() {
        assert_eq!(
            named("fn f() { vec![crate::exec::go::<u8>(1)]; let x = || std::fs::read(p); }", &["plan"]),
            ["crate::exec::go", "std::fs::read"]
        );
    }

    #[test]
    fn comments_strings_and_tests_do_not_count() {
        let text = "
            /// [`crate::exec::x`]
            const A: &str = \"crate::exec::x\"; // crate::exec::x
            #[cfg(test)] use crate::exec::{x};
            #[allow(dead_code)] #[cfg(test)] mod tests { use crate::exec::x; }
            #[cfg(test)] mod elsewhere;
            use crate::value::Value;
        ";
        assert_eq!(named(text, &["plan"]), ["crate::value::Value"]);
        let module = ["plan".to_owned()];
        let found = mentions(text, &module).expect("the text is Rust");
        assert_eq!(found.test_modules, [["plan", "elsewhere"]]);
    }

    #[test]
    fn a_mention_knows_its_line() {
        let found = mentions("\n\nuse crate::sql;\n", &[]).expect("the text is Rust");
        assert_eq!(found.paths.last().map(|mention| mention.line), Some(3));
    }
}
