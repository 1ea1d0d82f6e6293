//! The three example programs, as a user runs them.

use std::{
    path::PathBuf,
    process::{Command, Output},
    sync::LazyLock,
};

use super::process::{serve, world};

/// The folder of the programs: built here, since a filtered test run does not build them.
static PROGRAMS: LazyLock<PathBuf> = LazyLock::new(|| {
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--examples"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success());
    PathBuf::from(env!("CARGO_BIN_EXE_throughline")).with_file_name("examples")
});

fn run(example: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAMS.join(example));
    command.args(arguments).env("TZ", "Europe/Amsterdam").output().unwrap()
}

fn printed(example: &str, arguments: &[&str]) -> String {
    let output = run(example, arguments);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{example} {arguments:?}");
    assert!(output.status.success(), "{example} {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_examples_do_what_they_are_for() {
    let folder = world();
    let (mut server, address, _log) = serve(&folder, &["--phone-region", "NL"]);
    let url = format!("http://{address}");

    let screen = printed("call_centre", &[&url, "06 12345678"]);
    assert!(screen.starts_with("Sanne Bakker\n"), "{screen}");
    assert!(screen.contains("covered   1 × Vistra 55 inch OLED television"), "{screen}");
    let nobody = printed("call_centre", &[&url, "+31600000000"]);
    assert_eq!(nobody, "Nobody is known by that number.\n");

    // She is new: her first order creates her.
    for orders in [1, 2] {
        let account = printed("webshop", &[&url, "new@example.com"]);
        let back = "  2 x HDMI cable, 2 m, 1 came back, warranty to ";
        assert_eq!(account.matches(back).count(), orders, "{account}");
        assert!(account.ends_with("\n0 open cases, 0 open promises\n"), "{account}");
    }

    let handle = "facebook:100004837265911";
    let screen = printed("social_care", &[&url, handle, "Where is my television?"]);
    assert!(screen.starts_with("Sanne Bakker\n"), "{screen}");
    assert!(screen.contains("social    Where is my television?"), "{screen}");
    let wrong = run("social_care", &[&url, handle, "Hello", "ABCD-EFGH-JKMN"]);
    assert!(!wrong.status.success());

    for (example, usage) in
        [("call_centre", "NUMBER"), ("webshop", "E-MAIL"), ("social_care", "PLATFORM:ID")]
    {
        let output = run(example, &[]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && errors.contains(usage), "{errors}");
    }
    server.stop();
}
