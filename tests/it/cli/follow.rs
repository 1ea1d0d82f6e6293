//! `throughline timeline --follow`, as a user starts it.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use super::process::throughline;
use crate::{
    calls::{account, note, to},
    support::{Server, TempFolder, on_both},
};

/// The lines that a command prints, one at a time.
type Lines = std::io::Lines<BufReader<std::process::ChildStdout>>;

/// The next line that holds a text.
async fn find(mut lines: Lines, text: &'static str) -> (Lines, String) {
    let found = tokio::task::spawn_blocking(move || {
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains(text)));
        (lines, line)
    });
    let (lines, line) = found.await.unwrap();
    (lines, line.unwrap_or_else(|| panic!("it ended without {text}")))
}

#[tokio::test]
async fn what_happens_is_shown_as_it_happens() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        server.recorded(to(&anna.id, note("before it"))).await;
        let folder = TempFolder::new();
        let url = format!("http://{}", server.address);
        let arguments = ["timeline", "--follow", "--id", &anna.id, "--server", &url];
        let mut command = throughline(&folder, &arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();

        let (mut lines, _) = find(lines, "New entries").await;
        for text in ["the first", "the second"] {
            server.recorded(to(&anna.id, note(text))).await;
            lines = find(lines, text).await.0;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        server.stop().await;
    })
    .await;
}
