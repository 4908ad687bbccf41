use crate::folder::Folder;

/// Every command, as `--help` lists it.
fn commands(folder: &Folder) -> Vec<String> {
    let out = folder.ok(&["--help"]);
    let listed = out.split("Commands:").nth(1).expect("a list").split("Options:").next().expect("an end");
    listed.lines().filter_map(named).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The command of a line of the list.
fn named(line: &str) -> Option<&str> {
    line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?.split_whitespace().next()
}

#[test]
fn every_command_has_help_with_examples() {
    let folder = Folder::new();
    let commands = commands(&folder);
    assert!(commands.len() >= 13, "{commands:?}");
    for command in &commands {
        let out = folder.ok(&[command, "--help"]);
        assert!(out.contains("Examples:") && out.contains(&format!("dbal {command}")), "{command}:\n{out}");
    }
}

#[test]
fn shells_can_complete_every_command() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish"] {
        let out = folder.ok(&["completions", shell]);
        for command in commands(&folder) {
            assert!(out.contains(&command), "{shell} does not know {command}");
        }
    }
    assert_eq!(folder.run(&["completions", "cmd.exe"]).code, 2);
}

#[test]
fn exit_codes_are_those_that_help_tells() {
    let folder = Folder::new();
    let help = folder.ok(&["--help"]);
    assert!(help.contains("Exit codes: 0 done; 1 faulty, refused or not found; 2 the command line makes no sense."));
    assert_eq!(folder.run(&["check", "schema"]).code, 0);
    folder.write("schema/odd.yaml", "entity: Odd\nfields: { id: { type: uid, primary: true } }\n");
    assert_eq!(folder.run(&["check", "schema"]).code, 1);
    assert_eq!(folder.run(&["query", "Nothing", "--url", "memory:"]).code, 1);
    for senseless in [&["fly"][..], &["query"], &["query", "User", "--limit", "many"], &["check", "--wings"]] {
        assert_eq!(folder.run(senseless).code, 2, "{senseless:?}");
    }
}
