//! Every documented command line is understood, and what is none is refused with exit code 2.

use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn every_documented_command_is_understood() {
    let lines = [
        "holdfast dev",
        "holdfast dev --nodes 5 --data d --base-port 7200 --restart",
        "holdfast serve --config cluster.toml --node 1",
        "holdfast serve --config cluster.toml --node 1 --data d --bootstrap",
        "holdfast serve --config cluster.toml --node 1 --data d --bootstrap --stop-on-stdin-close",
        "holdfast sku create tee-m --stock 100",
        "holdfast sku create tee-m --stock 100 --per-buyer-limit 2 --hold-ttl-ms 0 --opens-at 2026-11-20T12:00:00Z --late-confirm --title T --json",
        "holdfast sku list --json",
        "holdfast sku show tee-m --admin http://127.0.0.1:7111",
        "holdfast sku adjust tee-m --delta -5 --reason returned --reference n-1 --key k1",
        "holdfast sku close tee-m",
        "holdfast sku open tee-m",
        "holdfast sku audit",
        "holdfast sku audit tee-m --json",
        "holdfast buy tee-m --buyer b-1",
        "holdfast buy tee-m:2 cap:1 --buyer b-1 --confirm --key k --json --api http://127.0.0.1:7110,http://127.0.0.1:7120",
        "holdfast order show o1 --json",
        "holdfast order confirm o1",
        "holdfast order release o1",
        "holdfast order cancel o1",
        "holdfast order extend o1",
        "holdfast order list --sku tee-m --buyer b --status held --limit 5",
        "holdfast status --json",
        "holdfast bench ladder",
        "holdfast bench ladder --connections 64 --seconds 1 --threads 2 --pids 1,2,3 --check --report r.html --json",
        "holdfast bench rate --plateau 30000 --at 10,50,100 --connections 256 --hold-ms 0",
        "holdfast bench flash --requests 10000 --stock 0.5,100 --plateau 1000",
        "holdfast bench mix --skus 1 --zipf 0 --stock 100 --confirm 50 --release 50 --duplicates 5 --reads 0 --rate 500",
        "holdfast bench batch --sizes 1,8192 --connections 2 --api http://127.0.0.1:7110",
        "holdfast verify --data d",
        "holdfast verify --from http://127.0.0.1:7111 http://127.0.0.1:7121 --json",
    ];
    for line in lines {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let lines = [
        "holdfast",
        "holdfast sell",
        "holdfast dev --nodes 0",
        "holdfast dev --nodes 8",
        "holdfast serve --config cluster.toml",
        "holdfast sku create tee-m",
        "holdfast sku create tee-m --stock -1",
        "holdfast sku adjust tee-m --delta 1.5 --reason r",
        "holdfast sku create tee-m --stock 1 --opens-at tomorrow",
        "holdfast buy --buyer b",
        "holdfast buy tee-m:some --buyer b",
        "holdfast buy tee-m --buyer b --key é",
        "holdfast order list --status lost",
        "holdfast order list --limit 0",
        "holdfast bench",
        "holdfast bench ladder --connections 0",
        "holdfast bench ladder --seconds 0",
        "holdfast bench rate --plateau 0",
        "holdfast bench batch --sizes 8193",
        "holdfast bench flash --stock 0",
        "holdfast bench mix --confirm 101",
        "holdfast verify",
        "holdfast verify --data d --from http://127.0.0.1:7111",
    ];
    for line in lines {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn every_subcommand_has_help() {
    Cli::command().debug_assert();
    for line in
        ["", "dev", "serve", "sku", "sku create", "sku audit", "buy", "order", "order list", "status", "bench", "bench mix", "verify"]
    {
        let error = parse(&format!("holdfast {line} --help")).unwrap_err();
        assert_eq!((error.exit_code(), error.kind()), (0, clap::error::ErrorKind::DisplayHelp), "{line}");
        assert!(error.to_string().contains("Usage: holdfast"));
    }
}

#[test]
fn every_argument_is_explained() {
    fn look(command: &clap::Command) {
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
        }
        assert!(command.get_about().is_some(), "{}", command.get_name());
        command.get_subcommands().for_each(look);
    }
    look(&Cli::command());
}

#[tokio::test]
async fn a_node_that_is_no_member_fails_with_one_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cluster.toml");
    std::fs::write(&file, crate::config::REFERENCE_FILE).unwrap();
    let cli = parse(&format!("holdfast serve --config {} --node 9", file.display())).unwrap();
    let failure = cli.command.run(Disk::default()).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Failed);
    assert!(failure.to_string().contains("node 9 is not one of them"), "{failure}");
}
