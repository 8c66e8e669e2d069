//! The session printed in the README, typed as printed.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use holdfast_tests::command_line::{self, Said};
use holdfast_tests::console::{self, Renamed};
use holdfast_tests::dev::Dev;
use holdfast_tests::turn::Turn;
use holdfast_tests::{ports, program};
use tokio::process::Command;

/// The first port that `dev` uses when it is told none; the README prints ports made from it.
const DOCUMENTED_BASE: u16 = 7_100;

#[tokio::test(flavor = "multi_thread")]
async fn the_session_of_the_readme_works_as_printed() -> Result<()> {
    let turn = Turn::take().await?;
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).context("README.md")?;
    let steps = console::steps(&readme);
    ensure!(steps.iter().any(|step| step.command.contains("curl")), "the README prints no curl session");
    let room = tempfile::tempdir()?;
    // `holdfast` of the document is the program under test.
    std::os::unix::fs::symlink(program!(), room.path().join("holdfast"))?;
    let base = ports::free_base(3)?;
    let dev = Dev::start(&turn, program!(), &room.path().join("cluster"), base).await?;

    let mut renamed = Renamed::default();
    for step in steps {
        let command = on_ports_of(base, &renamed.apply(&step.command));
        if starts_a_cluster(&command) || command.starts_with("cargo ") || command.starts_with("git ") {
            continue;
        }
        let said = shell(room.path(), base, &command).await?;
        ensure!(said.code == Some(0), "`{command}` left with {:?}: {}", said.code, said.stderr);
        if !step.output.is_empty() {
            renamed.compare(&step.output, &said.stdout).with_context(|| format!("`{}` answers otherwise than printed", step.command))?;
        }
    }
    ensure!(dev.interrupt().await? == Some(0), "Ctrl-C is a clean end");
    Ok(())
}

/// `dev` runs already; that it starts as printed is what the other tests show.
fn starts_a_cluster(command: &str) -> bool {
    command.split_whitespace().any(|word| word == "dev")
}

/// Documented ports 7110 … 7132 become those of this run.
fn on_ports_of(base: u16, command: &str) -> String {
    (1..=3u16)
        .flat_map(|node| (0..3).map(move |part| 10 * node + part))
        .fold(command.to_owned(), |command, offset| command.replace(&(DOCUMENTED_BASE + offset).to_string(), &(base + offset).to_string()))
}

async fn shell(dir: &Path, base: u16, line: &str) -> Result<Said> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("bash");
    command.arg("-c").arg(line).current_dir(dir).env("PATH", format!("{}:{path}", dir.display()));
    command.env("HOLDFAST_API", format!("http://127.0.0.1:{}", base + 10)).env("HOLDFAST_ADMIN", format!("http://127.0.0.1:{}", base + 11));
    command_line::run(command).await
}
