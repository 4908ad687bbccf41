//! `cargo xtask package node`: the npm packages as they would be published, as tarballs.
//!
//! The compiled half is a package of its own for each platform, which the other one names as an optional dependency:
//! npm takes the one that fits, and nothing runs or is downloaded while it installs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::suite::stage::output;

/// The two tarballs.
pub struct Tarballs {
    /// The JavaScript.
    pub package: PathBuf,
    /// The compiled half for this platform.
    pub platform: PathBuf,
}

/// Packs what was built into a folder.
pub fn pack(compiled: &Path, into: &Path) -> Result<Tarballs, String> {
    let source = super::folder();
    let read = |name: &str| crate::read(&source.join(name));
    let platform = Platform::of_this_machine()?;
    let manifest = read("package.json")?;
    let version = field(&manifest, "version").ok_or("package.json has no version")?;

    let main = into.join("package");
    unpacked(&main)?;
    let own = format!("\"optionalDependencies\": {{ \"{}\": \"{version}\" }},\n  \"main\":", platform.package());
    write(&main.join("package.json"), &manifest.replacen("\"main\":", &own, 1))?;

    let native = into.join("platform");
    write(&native.join("package.json"), &platform.manifest(&version))?;
    write(&native.join("README.md"), &format!("The compiled half of @metabuilder/dbal for {}.\n", platform.triple))?;
    std::fs::copy(compiled, native.join("dbal.node")).map_err(|fault| format!("{}: {fault}", compiled.display()))?;
    Ok(Tarballs { package: tarball(&main, into)?, platform: tarball(&native, into)? })
}

/// Puts the JavaScript of the package into a folder; without a compiled half it is the client of a daemon alone.
pub fn unpacked(main: &Path) -> Result<(), String> {
    let source = super::folder();
    let read = |name: &str| crate::read(&source.join(name));
    write(&main.join("package.json"), &read("package.json")?)?;
    write(&main.join("README.md"), &read("README.md")?)?;
    write(&main.join("LICENSE"), &crate::read(&crate::root().join("LICENSE"))?)?;
    for name in ["index.cjs", "index.mjs", "index.d.ts"] {
        write(&main.join(name), &read(name)?)?;
    }
    // The same types for `require`: a compiler takes the ending for the kind of module.
    write(&main.join("index.d.cts"), &read("index.d.ts")?)?;
    let modules = std::fs::read_dir(source.join("lib")).map_err(|fault| format!("lib: {fault}"))?;
    for entry in modules.flatten() {
        let name = entry.file_name();
        write(&main.join("lib").join(&name), &crate::read(&entry.path())?)?;
    }

    for folder in ["web", "web/shared"] {
        let modules = std::fs::read_dir(source.join(folder)).map_err(|fault| format!("{folder}: {fault}"))?;
        for entry in modules.flatten().filter(|entry| entry.path().is_file()) {
            write(&main.join(folder).join(entry.file_name()), &crate::read(&entry.path())?)?;
        }
    }
    Ok(())
}

/// Builds for release, packs, and says where the tarballs are.
pub fn command(options: &[&str]) -> Result<(), String> {
    if !matches!(options, ["node"]) {
        return Err(format!("package takes node or python, not {}", options.join(" ")));
    }
    super::ensure()?;
    let compiled = super::build(true)?;
    let into = super::programs()?.join("../package/node");
    if into.exists() {
        std::fs::remove_dir_all(&into).map_err(|fault| format!("{}: {fault}", into.display()))?;
    }
    let made = pack(&compiled, &into)?;
    for tarball in [&made.package, &made.platform] {
        let shown = tarball.canonicalize().unwrap_or_else(|_| tarball.clone());
        println!("{}", shown.display());
    }
    println!("npm install both of them, the second one for this platform only");
    Ok(())
}

struct Platform {
    /// As npm and the loader call it, such as `linux-x64-gnu`.
    triple: String,
    os: &'static str,
    cpu: &'static str,
    libc: Option<&'static str>,
}

impl Platform {
    fn of_this_machine() -> Result<Platform, String> {
        let os = match std::env::consts::OS {
            "linux" => "linux",
            "macos" => "darwin",
            "windows" => "win32",
            other => return Err(format!("there is no package for {other}")),
        };
        let cpu = match std::env::consts::ARCH {
            "x86_64" => "x64",
            "aarch64" => "arm64",
            other => return Err(format!("there is no package for {other}")),
        };
        let libc = match (os, cfg!(target_env = "musl")) {
            ("linux", false) => Some("glibc"),
            ("linux", true) => Some("musl"),
            _ => None,
        };
        let ending = match libc {
            Some("glibc") => "-gnu",
            Some(_) => "-musl",
            None => "",
        };
        Ok(Platform { triple: format!("{os}-{cpu}{ending}"), os, cpu, libc })
    }

    fn package(&self) -> String {
        format!("@metabuilder/dbal-{}", self.triple)
    }

    fn manifest(&self, version: &str) -> String {
        let libc = self.libc.map(|libc| format!("  \"libc\": [\"{libc}\"],\n")).unwrap_or_default();
        format!(
            "{{\n  \"name\": \"{}\",\n  \"version\": \"{version}\",\n  \"license\": \"MIT\",\n  \"os\": [\"{}\"],\n  \
             \"cpu\": [\"{}\"],\n{libc}  \"main\": \"dbal.node\",\n  \"files\": [\"dbal.node\"]\n}}\n",
            self.package(),
            self.os,
            self.cpu,
        )
    }
}

/// The text of a field at the top of a manifest.
fn field(manifest: &str, name: &str) -> Option<String> {
    let (_, rest) = manifest.split_once(&format!("\"{name}\": \""))?;
    rest.split_once('"').map(|(text, _)| text.to_owned())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().ok_or("a file stands in a folder")?;
    let done = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, text));
    done.map_err(|fault| format!("{}: {fault}", path.display()))
}

fn tarball(folder: &Path, into: &Path) -> Result<PathBuf, String> {
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", "--ignore-scripts", "--pack-destination"]).arg(into).arg(folder).stdin(Stdio::null());
    let name = output(npm)?;
    Ok(into.join(name.trim().lines().last().unwrap_or_default()))
}
