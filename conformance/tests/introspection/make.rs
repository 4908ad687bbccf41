//! Schemas that are made from a number: every type, keys of several kinds, references with all their rules, indexes over
//! one field and several, with names of their own and without.

use std::fmt::Write;

/// The same number gives the same schema.
pub fn schema(number: u64) -> String {
    let mut dice = Dice(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let entities = 2 + dice.below(4);
    let mut text = String::new();
    let mut keys: Vec<&str> = Vec::new();
    for at in 0..entities {
        if at > 0 {
            text += "---\n";
        }
        let key = ["integer", "bigint", "uuid", "string"][dice.below(4)];
        let counted = if matches!(key, "integer" | "bigint") { ", generated: true" } else { "" };
        let _ = writeln!(text, "entity: Thing{at}\nfields:\n  id: {{ type: {key}, primary: true{counted} }}");
        if dice.below(3) == 0 {
            text =
                text.replace(&format!("entity: Thing{at}\n"), &format!("entity: Thing{at}\ntable: old_things_{at}\n"));
        }
        let mut fields = Vec::new();
        for place in 0..3 + dice.below(6) {
            let ty = TYPES[dice.below(TYPES.len())];
            let name = format!("f{place}");
            let mut keys = vec![format!("type: {ty}")];
            if ty == "enum" {
                keys.push("values: [low, high]".into());
            }
            if dice.below(3) == 0 {
                keys.push("required: true".into());
            }
            let plain = !["json", "float", "boolean"].contains(&ty);
            match dice.below(5) {
                // The tests' server for MongoDB cannot read the least instant, which such an index names.
                0 if plain && ty != "datetime" => keys.push("unique: true".into()),
                1 if plain => keys.push("index: true".into()),
                _ => {}
            }
            if dice.below(4) == 0 {
                keys.push(format!("column: c_{place}"));
            }
            let _ = writeln!(text, "  {name}: {{ {} }}", keys.join(", "));
            if plain && ty != "datetime" {
                fields.push(name);
            }
        }
        for (target, key) in keys.iter().enumerate() {
            if dice.below(2) == 0 {
                let rule = ["restrict", "cascade", "set_null"][dice.below(3)];
                let extra = ["", ", unique: true", ", index: false", ""][dice.below(4)];
                let _ = writeln!(
                    text,
                    "  t{target}_id: {{ type: {key}{extra}, foreign_key: {{ entity: Thing{target}, field: id, on_delete: {rule} }} }}"
                );
            }
        }
        if dice.below(2) == 0 {
            let _ = writeln!(text, "  parent_id: {{ type: {key}, foreign_key: {{ entity: Thing{at}, field: id }} }}");
        }
        if fields.len() >= 2 {
            let name = ["", ", name: both"][dice.below(2)];
            let unique = ["", ", unique: true"][dice.below(2)];
            let _ = writeln!(text, "indexes:\n  - {{ fields: [{}, {}]{name}{unique} }}", fields[0], fields[1]);
        }
        keys.push(key);
    }
    text
}

const TYPES: [&str; 14] = [
    "uuid", "string", "text", "email", "enum", "integer", "bigint", "float", "decimal", "boolean", "datetime", "date",
    "json", "bytes",
];

/// Numbers that look thrown.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }
}
