//! A command on a SKU: sent to the leader, applied here, and what came of it as an answer.

use holdfast_inventory::{Command, CommandOutcome, SkuDone, SkuId, check_sku};

use crate::http::App;
use crate::http::port::Port;
use crate::http::problem::{self, Reply};

/// Has a command carried out on the SKU called `name`.
pub(crate) async fn run<P: Port>(app: &App<P>, name: &str, command: Command<'static>) -> Result<SkuDone, Reply> {
    let (index, stamp, outcome) = app.port.sku_command(command).await.map_err(problem::of_unavailable)?;
    match outcome {
        CommandOutcome::Sku(Ok(done)) => Ok(done),
        CommandOutcome::Sku(Err(refusal)) => Err(problem::of_sku_refusal(refusal, name, index, stamp)),
        other => {
            tracing::error!(outcome = ?other, "a SKU command came back as something else");
            Err(Reply::internal())
        }
    }
}

/// The number of the SKU that a path names.
pub(crate) async fn named<P: Port>(app: &App<P>, name: &str) -> Result<SkuId, Reply> {
    known(app, name, "path").await
}

/// The number of the SKU called `name`, which stands at `pointer`. A node that does not know it asks for a proof that it knows
/// enough first.
pub(crate) async fn known<P: Port>(app: &App<P>, name: &str, pointer: &str) -> Result<SkuId, Reply> {
    check_sku(name).map_err(|error| Reply::malformed_at(pointer, format!("The SKU's name {error}.")))?;
    let find = || app.names.id(name, || app.port.inventory());
    if let Some(id) = find() {
        return Ok(id);
    }
    let proven = app.prove_fresh().await?;
    find().ok_or_else(|| proven.tell(Reply::unknown_sku(name)))
}
