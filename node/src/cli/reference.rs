//! The reference of the command line: the help of every subcommand, as `--help` prints it.

use clap::{Command, CommandFactory as _};

use super::Cli;

const HEAD: &str = "# The command line

One program, `holdfast`, is node, operator's tool and buyer's tool; this page is its own help, made from the code.

Every subcommand that asks a cluster takes `--json` and then answers with the JSON of the HTTP contract. What went wrong is
one sentence on standard error, or with `--json` a problem: the cluster's, or one of type `about:blank` and status 0 if no node
told one. Exit codes:

| code | says |
|---|---|
| 0 | done, or stopped as asked |
| 1 | refused or failed: the cluster said no, an address is taken, a configuration is wrong |
| 2 | the command line makes no sense |
| 3 | the node stopped because of its disk or its data: [what to do](../operating/failures.md#the-disk-failed) |
| 4 | the data directory was refused: [what to do](../operating/failures.md#the-data-directory-was-refused) |
";

/// Width of the help, whatever the terminal.
const WIDTH: usize = 110;

/// The page of all subcommands for the documents.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    // Built before it is walked: only then does each subcommand know its full name.
    let mut root = without_environment(Cli::command()).term_width(WIDTH);
    root.build();
    append(&mut page, &mut root, "holdfast");
    page
}

fn append(page: &mut String, command: &mut Command, name: &str) {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    page.extend(["\n## `", name, "`\n\n```text\n", lines.join("\n").trim_end(), "\n```\n"]);
    for subcommand in command.get_subcommands_mut().filter(|subcommand| subcommand.get_name() != "help") {
        let name = format!("{name} {}", subcommand.get_name());
        append(page, subcommand, &name);
    }
}

/// The reader's environment is no part of a reference.
fn without_environment(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|subcommand| subcommand.get_name().to_owned()).collect();
    let command = command.mut_args(|arg| arg.hide_env_values(true));
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, without_environment))
}
