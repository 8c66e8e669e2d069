//! `verify --data` on the directories of a real cluster: sound ones, and each way in which one can be broken.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use holdfast_tests::cluster::{Cluster, copy_dir};
use holdfast_tests::command_line::{self, Said, holdfast};
use holdfast_tests::http::{self, Call};
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{disk, ledger, operator, program, wait};
use serde_json::json;

const EXIT_FAILED: i32 = 1;
const EXIT_DISK: i32 = 3;
const EXIT_DATA_DIRECTORY: i32 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_which_a_directory_is_broken_is_told() -> Result<()> {
    let turn = Turn::take().await?;
    let options = ClusterOptions::new(program!()).nodes(1).set("raft", "snapshot_every_entries", 100).set("raft", "log_keep_entries", 50);
    let mut cluster = Cluster::start(&turn, options).await?;
    operator::create_sku(cluster.admin(1), "sneaker", 1_000).await?;
    let more = Call::post("/v1/skus/sneaker/adjustments", &json!({ "delta": 100, "reason": "delivery" }));
    http::call(cluster.admin(1), &more.header("idempotency-key", "more")).await?.expect(200)?;
    // One at a time makes an entry for each order.
    let report = Sale::begin(cluster.apis(), SalePlan::new("sneaker", 400).at_once(1)).finish().await?;
    report.ensure_exactly(400, "")?;
    let used = verify(&cluster.data(1)).await?;
    ensure!(used.code == Some(EXIT_DATA_DIRECTORY) && used.stderr.contains("in use"), "of a running node: {used:?}");
    let snapshots = cluster.data(1).join("snapshots");
    wait::until("two snapshots", holdfast_tests::limits::AGREED_WITHIN, async || (snapshot_files(&snapshots).len() >= 2).then_some(()))
        .await?;
    cluster.stop(1).await?;
    let sound = cluster.data(1);
    let before = listing(&sound)?;
    let said = verify(&sound).await?;
    ensure!(said.code == Some(0), "a sound directory: {said:?}");
    for part in ["on the snapshot of index", "400: 0 held, 400 confirmed", "+100 in 1", "sound: every unit of 1 SKUs", "by 400 orders"] {
        ensure!(said.stdout.contains(part), "no {part:?} in {}", said.stdout);
    }
    ensure!(listing(&sound)? == before, "looking changed something");

    too_little_room_is_no_damage(&sound, cluster.dir()).await?;

    let broken = Broken { sound, room: cluster.dir().join("broken") };
    broken.told("the log is gone", EXIT_DISK, "log", |dir| Ok(fs::remove_dir_all(dir.join("log"))?)).await?;
    broken.told("the log is emptied", EXIT_DISK, "Raft log", |dir| emptied(&dir.join("log"))).await?;
    broken.told("the log is cut", EXIT_DISK, "Raft log", |dir| cut(&fullest(&dir.join("log"))?)).await?;
    broken.told("the log is overwritten", EXIT_DISK, "Raft log", |dir| overwritten(&fullest(&dir.join("log"))?)).await?;
    broken.told("the order log is gone", EXIT_DISK, "orders", |dir| Ok(fs::remove_dir_all(dir.join("orders"))?)).await?;
    broken.told("the order log is emptied", EXIT_DISK, "order log", |dir| emptied(&dir.join("orders"))).await?;
    broken.told("the order log is cut", EXIT_DISK, "order log", |dir| cut(&dir.join("orders/db"))).await?;
    broken.told("the order log is overwritten", EXIT_DISK, "order log", |dir| overwritten(&dir.join("orders/db"))).await?;
    for file in snapshot_files(&snapshots) {
        let name = file.file_name().context("a file")?.to_string_lossy().into_owned();
        broken.told("a snapshot is overwritten", EXIT_DISK, &name, |dir| overwritten(&dir.join("snapshots").join(&name))).await?;
    }
    broken.told("the identity is gone", EXIT_DISK, "identity", |dir| Ok(fs::remove_file(dir.join("identity"))?)).await?;
    broken.told("everything is gone", EXIT_DATA_DIRECTORY, "no node's data", emptied).await?;
    broken
        .told("it is another directory", EXIT_DATA_DIRECTORY, "no node's data", |dir| {
            emptied(dir)?;
            Ok(fs::write(dir.join("letter.txt"), "Dear Sir")?)
        })
        .await?;
    broken.told("it does not exist", EXIT_DATA_DIRECTORY, "does not exist", |dir| Ok(fs::remove_dir_all(dir)?)).await?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_two_nodes_are_sound_alone_and_not_together() -> Result<()> {
    let turn = Turn::take().await?;
    // A log that still has its first entry is held against the snapshot on its way.
    let options = || ClusterOptions::new(program!()).nodes(1).set("raft", "snapshot_every_entries", 100);
    let mut clusters = Vec::new();
    for orders in [300, 290] {
        let mut cluster = Cluster::start(&turn, options()).await?;
        operator::create_sku(cluster.admin(1), "sneaker", 1_000).await?;
        Sale::begin(cluster.apis(), SalePlan::new("sneaker", orders).at_once(1)).finish().await?.ensure_exactly(orders, "")?;
        cluster.stop(1).await?;
        let said = verify(&cluster.data(1)).await?;
        let is_whole = said.stdout.contains("replayed from the first; the snapshot of index");
        ensure!(said.code == Some(0) && is_whole, "a sound directory: {said:?}");
        clusters.push(cluster);
    }
    let broken = Broken { sound: clusters[0].data(1), room: clusters[0].dir().join("broken") };
    for (part, names) in [("orders", "order log"), ("snapshots", "different digests"), ("log", "order log")] {
        let other = clusters[1].data(1).join(part);
        let swap = |dir: &Path| {
            fs::remove_dir_all(dir.join(part))?;
            copy_dir(&other, &dir.join(part))
        };
        broken.told(&format!("the {part} are another node's"), EXIT_DISK, names, swap).await?;
    }
    for cluster in clusters {
        cluster.end().await?;
    }
    Ok(())
}

/// The repair that a start without a snapshot asks for, with a look before and after each step.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_copied_from_a_peer_is_no_damage_and_its_history_comes_after_the_start() -> Result<()> {
    let turn = Turn::take().await?;
    let options = ClusterOptions::new(program!()).set("raft", "snapshot_every_entries", 100).set("raft", "log_keep_entries", 50);
    let mut cluster = Cluster::start(&turn, options).await?;
    operator::create_sku(cluster.admin(1), "sneaker", 1_000).await?;
    let sell = async |cluster: &Cluster, ids: &[u64]| {
        let apis = ids.iter().map(|id| cluster.api(*id)).collect();
        Sale::begin(apis, SalePlan::new("sneaker", 300).at_once(1)).finish().await?.ensure_exactly(300, "")
    };
    sell(&cluster, &[1, 2, 3]).await?;
    let (own, peers) = (cluster.data(3).join("snapshots"), cluster.data(1).join("snapshots"));
    wait::until("two snapshots", holdfast_tests::limits::AGREED_WITHIN, async || (snapshot_files(&own).len() >= 2).then_some(())).await?;
    cluster.stop(3).await?;
    let behind = newest(&own)?.0;
    sell(&cluster, &[1, 2]).await?;
    let further = async || newest(&peers).ok().filter(|(index, _)| *index > behind + 100);
    let (index, path) = wait::until("a later snapshot", holdfast_tests::limits::AGREED_WITHIN, further).await?;

    for file in snapshot_files(&own) {
        fs::remove_file(file)?;
    }
    let said = verify(&cluster.data(3)).await?;
    let asked = format!("that runs into {}, and start again", own.display());
    ensure!(said.code == Some(EXIT_DISK) && said.stderr.contains(&asked), "without a snapshot: {said:?}");
    fs::copy(&path, own.join(path.file_name().context("a name")?))?;
    let said = verify(&cluster.data(3)).await?;
    println!("before the start: {}", said.stdout);
    for part in ["sound as far as it goes", &format!("the snapshot is of index {index}"), "a start fetches what is between from a peer"] {
        ensure!(said.code == Some(0) && said.stdout.contains(part), "no {part:?} after the repair: {said:?}");
    }
    let room = cluster.dir().join("broken");
    let broken = Broken { sound: cluster.data(3), room };
    broken.told("the order log is emptied", EXIT_DISK, "it reaches nothing", |dir| emptied(&dir.join("orders"))).await?;

    cluster.spawn(3)?;
    cluster.ready(3).await?;
    let admin = cluster.admin(3);
    let lists = async || ledger::read(admin, "sneaker").await.is_ok_and(|orders| orders.len() == 600).then_some(());
    wait::until("history is back", holdfast_tests::limits::AGREED_WITHIN, lists).await?;
    cluster.end().await
}

/// What is wrong with `TMPDIR` is told as that, whatever it is.
async fn too_little_room_is_no_damage(sound: &Path, dir: &Path) -> Result<()> {
    let (absent, small) = (dir.join("absent"), dir.join("small"));
    let told = async |within: &Path| {
        let mut verify = holdfast(program!(), &["verify", "--data", &sound.display().to_string()]);
        verify.env("TMPDIR", within);
        let said = command_line::run(verify).await?;
        let text = said.stderr.trim();
        let is_so = said.code == Some(EXIT_FAILED) && text.contains("set TMPDIR") && text.contains(&within.display().to_string());
        ensure!(is_so && text.lines().count() == 1, "no room in {}: {said:?}", within.display());
        println!("no room: {text}");
        Ok(said)
    };
    told(&absent).await?;
    fs::create_dir(&small)?;
    let mut mount = tokio::process::Command::new("mount");
    if !mount.args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(&small).status().await?.success() {
        return disk::not_run("a full file system needs root");
    }
    let said = told(&small).await;
    tokio::process::Command::new("umount").arg(&small).status().await?;
    ensure!(said?.stderr.contains("has 1 MiB free"), "how much is there is not told");
    Ok(())
}

/// Copies of a sound directory, each broken in one way.
struct Broken {
    sound: PathBuf,
    room: PathBuf,
}

impl Broken {
    async fn told(&self, case: &str, code: i32, names: &str, hurt: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        fs::create_dir_all(&self.room)?;
        let dir = self.room.join(case.replace(' ', "-"));
        copy_dir(&self.sound, &dir)?;
        hurt(&dir).with_context(|| case.to_owned())?;
        let before = listing(&dir)?;
        let said = verify(&dir).await?;
        let text = said.stderr.trim();
        ensure!(said.code == Some(code) && text.contains(names), "{case}: {said:?}");
        ensure!(text.lines().count() == 1 && text.starts_with("error: "), "{case}: not one sentence: {text}");
        ensure!(!text.contains("/tmp/.tmp"), "{case}: names the copy: {text}");
        ensure!(listing(&dir)? == before, "{case}: looking changed something");
        println!("{case}: {text}");
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
        Ok(())
    }
}

async fn verify(data: &Path) -> Result<Said> {
    command_line::run(holdfast(program!(), &["verify", "--data", &data.display().to_string()])).await
}

/// Every file below `dir` with its length and its last change; none if there is no such directory.
fn listing(dir: &Path) -> Result<BTreeMap<PathBuf, (u64, SystemTime)>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let (path, meta) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
        if meta.is_dir() {
            files.extend(listing(&path)?);
        }
        files.insert(path, (meta.len(), meta.modified()?));
    }
    Ok(files)
}

fn snapshot_files(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|suffix| suffix == "snap")).collect()
}

/// Index and path of the newest snapshot.
fn newest(dir: &Path) -> Result<(u64, PathBuf)> {
    let index = |path: &Path| path.file_stem()?.to_str()?.split_once('-')?.0.parse().ok();
    let found = snapshot_files(dir).into_iter().filter_map(|path| Some((index(&path)?, path)));
    found.max().context("no snapshot")
}

/// The file that holds most: files of the log are made of zeros before they are written.
fn fullest(dir: &Path) -> Result<PathBuf> {
    let files = listing(dir)?.into_keys().filter(|path| path.is_file());
    let held = files.map(|path| Ok((held(&fs::read(&path)?), path))).collect::<Result<Vec<_>>>()?;
    Ok(held.into_iter().max().context("no file")?.1)
}

/// Where the zeros at the end of a file begin.
fn held(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

fn emptied(dir: &Path) -> Result<()> {
    fs::remove_dir_all(dir)?;
    Ok(fs::create_dir(dir)?)
}

/// Cut to two fifths of what it holds: what is left looks right.
fn cut(file: &Path) -> Result<()> {
    let left = held(&fs::read(file)?) * 2 / 5;
    Ok(fs::File::options().write(true).open(file)?.set_len(left as u64)?)
}

/// A tenth in the middle of what it holds is zero.
fn overwritten(file: &Path) -> Result<()> {
    let mut bytes = fs::read(file)?;
    let held = held(&bytes);
    bytes[held * 45 / 100..held * 55 / 100].fill(0);
    Ok(fs::write(file, bytes)?)
}
