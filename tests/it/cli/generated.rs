//! What is generated from the command line: completions and manual pages.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use clap::CommandFactory as _;
use throughline::cli::Cli;

use super::process::{has, printed, refused, throughline};
use crate::support::TempFolder;

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// Every command with its full name, such as `throughline-audit-list`.
fn commands() -> BTreeSet<String> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut names = BTreeSet::new();
    let mut left = vec![&root];
    while let Some(command) = left.pop() {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        names.insert(name.to_owned());
        left.extend(command.get_subcommands());
    }
    names
}

#[test]
fn each_shell_completes_each_command() {
    let folder = TempFolder::new();
    for shell in SHELLS {
        let script = printed(&folder, &["completions", shell]);
        for command in commands() {
            let last = command.rsplit('-').next().unwrap();
            assert!(script.contains(last), "{shell}: {command}");
        }
        for flag in ["--database", "--phone-region", "--listen"] {
            let name = flag.trim_start_matches('-');
            assert!(script.contains(name), "{shell}: {flag}");
        }
    }
    let unknown = refused(&folder, &["completions", "tcsh"]);
    assert!(unknown.contains("possible values: bash, elvish, fish, powershell, zsh"), "{unknown}");
}

#[test]
fn bash_offers_what_the_command_line_takes() {
    if !has("bash") {
        return;
    }
    let folder = TempFolder::new();
    fs::write(folder.path().join("completions"), printed(&folder, &["completions", "bash"]))
        .unwrap();
    let offered = |words: &str| {
        // As the shell does it: the words so far, and the index of the current one.
        let script = format!(
            "set -e; . ./completions; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            _throughline throughline \"${{COMP_WORDS[COMP_CWORD]}}\" \"\"; echo \"${{COMPREPLY[@]}}\""
        );
        let mut bash = Command::new("bash");
        let bash = bash.current_dir(folder.path()).args(["-c", &script]).output().unwrap();
        String::from_utf8(bash.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(offered("throughline ser"), "serve");
    assert_eq!(offered("throughline audit ver"), "verify");
    assert_eq!(offered("throughline serve --max-w"), "--max-watches --max-watches-per-caller");
    assert_eq!(offered("throughline no-such-command --max-w"), "");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = TempFolder::new();
    let told = printed(&folder, &["man", "--output", "share/man1"]);
    let pages = folder.path().join("share/man1");
    let names: BTreeSet<String> = fs::read_dir(&pages)
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    let wanted: BTreeSet<String> = commands().iter().map(|name| format!("{name}.1")).collect();
    assert_eq!(names, wanted);
    assert_eq!(told, format!("{} pages are in share/man1\n", wanted.len()));

    let text = |name: &str| fs::read_to_string(pages.join(name)).unwrap();
    for name in &names {
        let page = text(name);
        assert!(page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{name}");
        // The settings of all commands stand on the first page.
        let is_first = name == "throughline.1";
        assert_eq!(page.contains(r"\-\-phone\-region\fR"), is_first, "{name}");
    }
    assert!(text("throughline-serve.1").contains(r"\-\-max\-watches\fR"));
    assert_eq!(printed(&folder, &["man"]), text("throughline.1"));
    if has("man") {
        names.iter().for_each(|name| assert_shown_without_warning(&pages.join(name)));
    }
}

/// The page, as `man` shows it in 80 columns.
fn assert_shown_without_warning(page: &Path) {
    let mut man = Command::new("man");
    man.args(["--warnings", "--local-file"]).arg(page);
    let man = man.env("MANWIDTH", "80").stdin(Stdio::null()).output().unwrap();
    let (shown, warnings) = (man.stdout, String::from_utf8_lossy(&man.stderr).into_owned());
    assert!(man.status.success() && warnings.is_empty(), "{}: {warnings}", page.display());
    assert!(String::from_utf8_lossy(&shown).contains("SYNOPSIS"), "{}", page.display());
}

#[test]
fn neither_needs_a_configuration_that_can_be_used() {
    let folder = TempFolder::new();
    for arguments in [["completions", "bash"].as_slice(), &["man"]] {
        let output = throughline(&folder, arguments)
            .env("THROUGHLINE_CONFIG", "no.toml")
            .env("THROUGHLINE_LISTEN", "nowhere")
            .output()
            .unwrap();
        assert!(output.status.success() && output.stdout.len() > 1000, "{arguments:?}");
    }
    let refused = refused(&folder, &["man", "--output", "/dev/null/pages"]);
    assert_eq!(refused, "1: throughline: /dev/null/pages: Not a directory (os error 20)");
}
