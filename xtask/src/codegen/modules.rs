//! The files of the Node package that its client for browsers shares, as the modules that browsers load. Node takes them
//! by `require`, which every tool around Node understands; there is one source of each.

use std::path::Path;

use super::HEADER;

/// Each shared file and the module that is written of it.
const SHARED: &[(&str, &str)] = &[
    ("decode", "bindings/node/web/shared/decode.mjs"),
    ("error", "bindings/node/web/shared/error.mjs"),
    ("handle", "bindings/node/web/shared/handle.mjs"),
    ("names", "bindings/node/web/shared/names.mjs"),
    ("naming", "bindings/node/web/shared/naming.mjs"),
];

/// The modules with their paths.
pub fn outputs(root: &Path) -> Result<Vec<super::Output>, String> {
    let one = |(name, path): &(&str, &'static str)| {
        let source = format!("bindings/node/lib/{name}.js");
        let text = std::fs::read_to_string(root.join(&source)).map_err(|fault| format!("{source}: {fault}"))?;
        Ok(super::Output { path, text: module(&source, &text)? })
    };
    SHARED.iter().map(one).collect()
}

/// A file of `require` and `module.exports` as one of `import` and `export`.
fn module(source: &str, text: &str) -> Result<String, String> {
    let mut out = format!("// {HEADER}{source}. Do not edit.\n");
    for line in text.lines() {
        let required = line.strip_prefix("const ").and_then(|rest| rest.split_once(" = require('./"));
        if let Some((names, file)) = required {
            let file = file.strip_suffix(".js')").ok_or_else(|| format!("{source}: `{line}` requires no neighbour"))?;
            if !SHARED.iter().any(|(known, _)| *known == file) {
                return Err(format!("{source}: {file}.js is not shared with browsers"));
            }
            out.push_str(&format!("import {names} from './{file}.mjs'\n"));
        } else if let Some(names) = line.strip_prefix("module.exports = ") {
            out.push_str(&format!("export {names}\n"));
        } else if line.contains("require(") || line.contains("module.exports") {
            return Err(format!("{source}: `{line}` has no form in a module"));
        } else if line != "'use strict'" {
            out.push_str(line);
            out.push('\n');
        }
    }
    Ok(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn requires_become_imports() {
        let text = "'use strict'\n\nconst { a } = require('./error.js')\n\nlet b\n\nmodule.exports = { b }\n";
        let made = module("x.js", text).unwrap();
        assert!(made.ends_with("\n\nimport { a } from './error.mjs'\n\nlet b\n\nexport { b }\n"), "{made}");
        assert!(module("x.js", "const fs = require('node:fs')\n").is_err(), "browsers have no files");
        assert!(module("x.js", "const { a } = require('./port.js')\n").is_err(), "what is not shared");
    }
}
