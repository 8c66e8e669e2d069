//! Prints what one order costs in `apply`: nanoseconds of CPU and bytes of memory while the state grows, before and after its
//! key is forgotten, with a snapshot that keeps every record shared at the end; and the cost of baskets and of holds that are
//! confirmed. Single-threaded; Linux.
//! Run with `--release`; arguments: the remembered orders to measure at, in rising order (default 0 1000000 10000000). With
//! `snapshot` before them: what a snapshot of so many orders costs, instead of all that.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // An example may look at a clock and write a file; the core may not.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::time::{Duration, Instant};

use holdfast_inventory::{
    Attempt, Batch, BatchResult, Bootstrap, Command, CommandOutcome, CreateSku, Entry, Incarnation, Inventory, Line, LogIndex, Millis,
    NodeId, OpenSession, OrderRequest, Outcome, Params, Request, Secret, Seq, SessionId, SettingsPatch, SkuId, SkuName, SnapshotReader,
    Stamp, Transition,
};

/// Orders whose requests are made at a time, outside of what is measured: so many whole batches as make about as many.
const STRIDE: usize = 9_000;

/// Orders that one figure is taken over, at least.
const MEASURED: usize = 450_000;

/// The argument with which this program calls itself.
const RESTORE: &str = "restore";

/// Asks for the cost of snapshots.
const SNAPSHOT: &str = "snapshot";

struct Run {
    state: Inventory,
    index: u64,
    clock: u64,
    seq: u64,
    session: SessionId,
    orders: usize,
}

/// What a number of orders took.
#[derive(Default)]
struct Cost {
    orders: usize,
    cpu: Duration,
    slowest: Duration,
    confirming: Duration,
}

/// What is ordered.
#[derive(Clone, Copy)]
struct Shape {
    batch: usize,
    lines: u32,
    /// Buyers that come again and again; none: each order has its own.
    buyers: Option<usize>,
    /// Whether each batch's holds are confirmed by the next.
    confirm: bool,
}

const PLAIN: Shape = Shape { batch: 900, lines: 1, buyers: None, confirm: false };

impl Run {
    fn new(hold: Millis) -> Self {
        let mut run = Self { state: Inventory::new(), index: 0, clock: 1_000_000, seq: 0, session: SessionId(0), orders: 0 };
        run.index += 1;
        run.state.apply(LogIndex(run.index), &Entry::Members(Cow::Owned(vec![NodeId(1)])));
        run.apply(Command::Bootstrap(Bootstrap {
            params: Params { max_batch_requests: 8_192, ..Params::default() },
            secret: Secret([3; 16]),
        }));
        for n in 0..16 {
            let name = SkuName::new(&format!("sku-{n}")).expect("a good name");
            let settings = SettingsPatch { hold_ttl: Some(hold), ..SettingsPatch::default() };
            run.apply(Command::CreateSku(CreateSku { name, stock: 1_000_000_000, settings }));
        }
        run.apply(Command::OpenSession(OpenSession { node: NodeId(1), incarnation: Incarnation(1), attempt: Attempt(1) }));
        run.session = SessionId(run.index);
        run
    }

    fn apply(&mut self, command: Command<'_>) -> CommandOutcome {
        self.index += 1;
        self.clock += 1;
        self.state.apply(LogIndex(self.index), &Entry::Command(Stamp(self.clock), command)).outcome
    }

    fn batch(&mut self, requests: Vec<Request<'_>>) -> Vec<Outcome> {
        self.seq += 1;
        let batch = Batch { session: self.session, seq: Seq(self.seq), requests };
        let CommandOutcome::Batch(applied) = self.apply(Command::Batch(batch)) else { unreachable!("a batch gives its outcomes") };
        let BatchResult::Judged(outcomes) = applied.result else { unreachable!("the session is open") };
        outcomes.outcomes.clone()
    }

    /// Orders until `orders` were placed since the start.
    fn order_up_to(&mut self, orders: usize, shape: Shape) -> Cost {
        let mut cost = Cost::default();
        let stride = shape.batch * STRIDE.div_ceil(shape.batch);
        while self.orders < orders {
            let names: Vec<[String; 2]> = (self.orders..self.orders + stride)
                .map(|n| [format!("key-{n:012}"), format!("buyer-{:010}", shape.buyers.map_or(n, |buyers| n % buyers))])
                .collect();
            let batches = names.chunks(shape.batch).map(|names| requests(names, shape.lines)).collect();
            let (accepted, cpu) = self.measure(batches, &mut cost.slowest);
            assert!(accepted.iter().all(|outcome| matches!(outcome, Outcome::Accepted { .. })), "there is enough of everything");
            cost.cpu += cpu;
            if shape.confirm {
                let confirms = accepted.chunks(shape.batch).map(confirms).collect();
                cost.confirming += self.measure(confirms, &mut cost.slowest).1;
            }
            self.orders += stride;
            cost.orders += stride;
        }
        cost
    }

    /// Applies batches; gives their outcomes and the CPU time that they took.
    fn measure(&mut self, batches: Vec<Vec<Request<'_>>>, slowest: &mut Duration) -> (Vec<Outcome>, Duration) {
        let mut outcomes = Vec::with_capacity(STRIDE);
        let cpu = cpu_time();
        for batch in batches {
            let begun = Instant::now();
            outcomes.extend(self.batch(batch));
            *slowest = (*slowest).max(begun.elapsed());
        }
        (outcomes, cpu_time().saturating_sub(cpu))
    }
}

impl Cost {
    fn print(&self, what: &str) {
        let each = |spent: Duration| spent.as_nanos() / self.orders.max(1) as u128;
        let (order, confirm) = (each(self.cpu), each(self.confirming));
        println!("{what:<44} {order:>6} ns an order, confirm {confirm:>5} ns, longest apply {:>6} µs", self.slowest.as_micros());
    }
}

fn requests(names: &[[String; 2]], lines: u32) -> Vec<Request<'_>> {
    names.iter().map(|[key, buyer]| Request::Order(order(key, buyer, lines))).collect()
}

fn order<'a>(key: &'a str, buyer: &'a str, lines: u32) -> OrderRequest<'a> {
    OrderRequest {
        caller: Cow::Borrowed("shop"),
        key: Cow::Borrowed(key),
        buyer: Cow::Borrowed(buyer),
        lines: (0..lines).map(|sku| Line { sku: SkuId(sku), units: 1 }).collect(),
        confirm: false,
        apply_before: Stamp(u64::MAX),
    }
}

fn confirms(accepted: &[Outcome]) -> Vec<Request<'static>> {
    let confirm = |outcome: &Outcome| match outcome {
        Outcome::Accepted { order, .. } => Request::Confirm(Transition { order: *order, content: None, apply_before: Stamp(u64::MAX) }),
        other => unreachable!("there is enough of everything: {other:?}"),
    };
    accepted.iter().map(confirm).collect()
}

/// CPU time of this thread so far: what other processes take meanwhile does not count.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells a thread's CPU time");
    Duration::from_nanos(stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("a number of nanoseconds"))
}

/// Memory that this process has in use, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux tells a process's memory");
    4_096 * statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number of pages")
}

fn grow(at: &[usize], batch: usize) {
    let (mut run, mut last) = (Run::new(Millis(0)), 0);
    for &remembered in at {
        run.order_up_to(remembered, Shape { batch: 900, ..PLAIN }); // The way there.
        let cost = run.order_up_to(run.orders + MEASURED, Shape { batch, ..PLAIN });
        cost.print(&format!("batches of {batch}, {remembered} remembered"));
        last = remembered;
    }
    let snapshot = run.state.snapshot();
    run.order_up_to(run.orders + MEASURED, Shape { batch, ..PLAIN }).print(&format!("batches of {batch}, {last}, a snapshot held"));
    drop(snapshot);
}

/// What a snapshot costs: its bytes, and the CPU time to write and to read it.
fn through_bytes(state: &Inventory, orders: usize) {
    let each = |spent: Duration| spent.as_nanos() / orders as u128;
    let begun = cpu_time();
    let bytes: usize = state.snapshot().map(|chunk| chunk.len()).sum();
    let written = cpu_time();
    let mut reader = SnapshotReader::new();
    let mut reading = Duration::ZERO;
    for chunk in state.snapshot() {
        let begun = cpu_time();
        reader.push(&chunk).expect("a good chunk");
        reading += cpu_time().saturating_sub(begun);
    }
    let begun_last = cpu_time();
    let read = reader.finish().expect("a whole snapshot");
    reading += cpu_time().saturating_sub(begun_last);
    assert_eq!(read.gauges(), state.gauges());
    let write = each(written.saturating_sub(begun));
    println!("a snapshot of {orders}: {} bytes an order, {write} ns to write, {} ns to read", bytes / orders, each(reading));
}

/// Bytes of an order whose buyer costs nothing more, while its key is kept and afterwards.
fn weigh(orders: usize) {
    let mut run = Run::new(Millis(0));
    let few = Shape { buyers: Some(1_000), ..PLAIN };
    run.order_up_to(STRIDE, few);
    let (before, count) = (resident(), run.orders);
    run.order_up_to(orders, few);
    println!("{} orders of 1000 buyers: {} bytes an order", run.orders, (resident() - before) / (run.orders - count));
    println!("the same from a snapshot: {} bytes an order", weigh_restored(&run.state) / run.orders);
    let params = run.state.params().clone();
    run.clock += params.idempotency_ttl.0;
    // A sweep may go on at the next entry; the granule of deadlines is waited for.
    for _ in 0..=2 * run.orders / params.sweep_per_entry as usize {
        run.clock += 1_000;
        run.apply(Command::Tick);
    }
    println!("from a snapshot once their keys are forgotten: {} bytes an order", weigh_restored(&run.state) / run.orders);
}

/// Bytes that the state takes in a process that has only read it from a snapshot: memory that a state has given back stays with
/// its process.
fn weigh_restored(state: &Inventory) -> usize {
    let path = std::env::temp_dir().join(format!("apply-rate-{}", std::process::id()));
    let mut file = BufWriter::new(File::create(&path).expect("a temporary file"));
    for chunk in state.snapshot() {
        let length = u32::try_from(chunk.len()).expect("a short chunk");
        file.write_all(&length.to_le_bytes()).and_then(|()| file.write_all(&chunk)).expect("room for a snapshot");
    }
    file.flush().expect("room for a snapshot");
    let program = std::env::current_exe().expect("this program");
    let told = std::process::Command::new(program).arg(RESTORE).arg(&path).output().expect("this program runs once more");
    std::fs::remove_file(&path).expect("the file is ours");
    String::from_utf8_lossy(&told.stdout).trim().parse().expect("a number of bytes")
}

/// Prints what [`weigh_restored`] asks for.
fn restore(path: &str) {
    let mut file = BufReader::new(File::open(path).expect("the snapshot"));
    let before = resident();
    let mut reader = SnapshotReader::new();
    let mut length = [0; 4];
    while file.read_exact(&mut length).is_ok() {
        let mut chunk = vec![0; u32::from_le_bytes(length) as usize];
        file.read_exact(&mut chunk).expect("a whole chunk");
        reader.push(&chunk).expect("a good chunk");
    }
    let state = reader.finish().expect("a whole snapshot");
    println!("{}", resident() - before);
    drop(state);
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [first, path] = args.as_slice()
        && first == RESTORE
    {
        return restore(path);
    }
    let numbers = |args: &[String]| args.iter().map(|orders| orders.parse().expect("a number of orders")).collect::<Vec<usize>>();
    if let Some((_, at)) = args.split_first().filter(|(first, _)| *first == SNAPSHOT) {
        let mut run = Run::new(Millis(0));
        for orders in numbers(at) {
            run.order_up_to(orders, PLAIN);
            through_bytes(&run.state, run.orders);
        }
        return;
    }
    let at = if args.is_empty() { vec![0, 1_000_000, 10_000_000] } else { numbers(&args) };
    // First, as long as nothing that was freed can be used again.
    weigh(at.iter().copied().max().unwrap_or_default().max(1_000_000));
    for batch in [50, 900, 2_048, 8_192] {
        grow(&at, batch);
    }
    Run::new(Millis(0)).order_up_to(MEASURED, Shape { lines: 4, ..PLAIN }).print("basket of 4");
    Run::new(Millis(600_000)).order_up_to(MEASURED, Shape { confirm: true, ..PLAIN }).print("held, then confirmed");
}
