//! Names for what tables and columns are called: entities in the singular, fields as they stand where that is a name.

use std::collections::HashSet;

use crate::schema::{is_client_method, name_fault, plural, snake_case};

/// Names that are taken, whatever their case and their underscores.
#[derive(Debug, Default)]
pub(super) struct Taken(HashSet<String>);

impl Taken {
    /// The name, or with a number behind it the first one that is free.
    pub(super) fn take(&mut self, name: &str) -> String {
        let mut free = name.to_owned();
        let mut count = 1;
        while !self.0.insert(folded(&free)) {
            count += 1;
            free = format!("{name}{}{count}", if name.contains('_') { "_" } else { "" });
        }
        free
    }
}

fn folded(name: &str) -> String {
    name.chars().filter(|letter| *letter != '_').flat_map(char::to_lowercase).collect()
}

/// `film_actors` as `FilmActor`, `Order Details` as `OrderDetail`, `USERS` as `User`.
pub(super) fn entity(table: &str) -> String {
    let snake = snake_case(&plain(table));
    let mut words: Vec<&str> = snake.split('_').filter(|word| !word.is_empty()).collect();
    let last = words.pop().map(singular).unwrap_or_default();
    let mut name = String::new();
    for word in words.into_iter().chain([last.as_str()]) {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    fitted(name, "Table")
}

/// The name of a column where it can be a field's, or what is left of it.
pub(super) fn field(column: &str) -> String {
    if name_fault(column).is_none() {
        return column.to_owned();
    }
    fitted(plain(column).trim_matches('_').to_owned(), "column")
}

/// The plural that an entity's handle has.
pub(super) fn handle(entity: &str, taken: &mut Taken) -> String {
    let name = plural(entity);
    let name = if is_client_method(&name) { format!("{name}_rows") } else { name };
    taken.take(&name)
}

/// Letters without accents, digits, and underscores for all else.
fn plain(name: &str) -> String {
    let letter = |letter: char| match letter {
        _ if letter.is_ascii_alphanumeric() => Some(letter),
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => Some('a'),
        'ç' => Some('c'),
        'è' | 'é' | 'ê' | 'ë' => Some('e'),
        'ì' | 'í' | 'î' | 'ï' => Some('i'),
        'ñ' => Some('n'),
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' => Some('o'),
        'ù' | 'ú' | 'û' | 'ü' => Some('u'),
        'À' | 'Á' | 'Â' | 'Ã' | 'Ä' | 'Å' => Some('A'),
        'É' | 'È' | 'Ê' => Some('E'),
        'Ö' | 'Ó' => Some('O'),
        'Ü' => Some('U'),
        '\'' => None,
        _ => Some('_'),
    };
    let mut text: String = name.chars().filter_map(letter).collect();
    while text.contains("__") {
        text = text.replace("__", "_");
    }
    text
}

/// A name that is one, whatever was left.
fn fitted(name: String, or: &str) -> String {
    let mut name: String = name.chars().take(60).collect();
    if name.is_empty() || name.chars().all(|letter| letter == '_') {
        return or.to_owned();
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name = format!("{or}_{name}");
    }
    match name_fault(&name) {
        Some(_) => format!("the_{}", name.trim_start_matches('_')),
        None => name,
    }
}

/// One of what a word says there are several of. A word that is no plural stays.
fn singular(word: &str) -> String {
    const SAME: [&str; 6] = ["series", "species", "news", "data", "media", "settings"];
    const IRREGULAR: [(&str, &str); 9] = [
        ("people", "person"),
        ("children", "child"),
        ("men", "man"),
        ("women", "woman"),
        ("feet", "foot"),
        ("teeth", "tooth"),
        ("mice", "mouse"),
        ("criteria", "criterion"),
        ("quizzes", "quiz"),
    ];
    // In -ies without a y, in -ses with an s of their own.
    const WITH_E: [&str; 7] = ["movies", "cookies", "ties", "pies", "zombies", "selfies", "brownies"];
    const WITH_S: [&str; 6] = ["aliases", "biases", "gases", "atlases", "canvases", "buses"];
    const VES: [(&str, &str); 8] = [
        ("knives", "knife"),
        ("lives", "life"),
        ("wives", "wife"),
        ("leaves", "leaf"),
        ("halves", "half"),
        ("shelves", "shelf"),
        ("wolves", "wolf"),
        ("thieves", "thief"),
    ];
    if SAME.contains(&word) {
        return word.to_owned();
    }
    if let Some((_, one)) = IRREGULAR.iter().chain(&VES).find(|(many, _)| *many == word) {
        return (*one).to_owned();
    }
    let without = |ending: &str| word.strip_suffix(ending).filter(|stem| stem.len() > 1).map(str::to_owned);
    if let Some(stem) = without("ies").filter(|_| !WITH_E.contains(&word)) {
        return format!("{stem}y");
    }
    let analysis = || word.ends_with("lyses") || ["theses", "crises"].contains(&word);
    if analysis() {
        return format!("{}is", word.trim_end_matches("es"));
    }
    let hissing = ["sses", "xes", "ches", "shes", "zes"].iter().any(|end| word.ends_with(end));
    let from_us = word.ends_with("uses") && !["ouses", "auses"].iter().any(|end| word.ends_with(end));
    let from_o = ["heroes", "echoes", "potatoes", "tomatoes", "vetoes"].contains(&word);
    if hissing || from_us || from_o || WITH_S.contains(&word) {
        return without("es").unwrap_or_else(|| word.to_owned());
    }
    if ["ss", "us", "is", "as"].iter().any(|end| word.ends_with(end)) {
        return word.to_owned();
    }
    without("s").unwrap_or_else(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_become_entities() {
        for (table, expected) in [
            ("users", "User"),
            ("film_actor", "FilmActor"),
            ("Order Details", "OrderDetail"),
            ("CUSTOMERS", "Customer"),
            ("categories", "Category"),
            ("addresses", "Address"),
            ("statuses", "Status"),
            ("houses", "House"),
            ("databases", "Database"),
            ("analyses", "Analysis"),
            ("movies", "Movie"),
            ("people", "Person"),
            ("ionicradii", "Ionicradii"),
            ("news", "News"),
            ("boxes", "Box"),
            ("invoiceLines", "InvoiceLine"),
            ("2fa", "Table_2fa"),
            ("Größen", "GroEn"),
            ("日本", "Table"),
        ] {
            assert_eq!(entity(table), expected, "{table}");
        }
    }

    #[test]
    fn columns_become_fields() {
        for (column, expected) in [
            ("name", "name"),
            ("AlbumId", "AlbumId"),
            ("zip code", "zip_code"),
            ("prénom", "prenom"),
            ("2nd", "column_2nd"),
            ("%", "column"),
            ("constructor", "the_constructor"),
            ("_dbal_x", "dbal_x"),
        ] {
            assert_eq!(field(column), expected, "{column}");
        }
        let mut taken = Taken::default();
        assert_eq!(
            (taken.take("a_b"), taken.take("A_B"), taken.take("x"), taken.take("X")),
            ("a_b".into(), "A_B_2".into(), "x".into(), "X2".into())
        );
    }
}
