//! The SKU that a `dev` cluster sells.

use holdfast_client::api::{CreateSku, Sku};
use holdfast_client::{Client, ClientConfig};

use crate::cli::failure::Failure;
use crate::config::Member;
use crate::limits::DEV_STOCK;

/// Its name.
const DEMO: &str = "demo";

/// Puts the demo SKU on sale, unless a continued directory has it already.
pub(super) async fn put_on_sale(members: &[Member]) -> Result<Sku, Failure> {
    let admin = members.iter().map(|member| format!("http://{}", member.admin));
    let client = Client::new(ClientConfig::default().and_admin(admin))?;
    let sku = CreateSku { sku: DEMO.to_owned(), stock: DEV_STOCK, title: Some("The demo SKU".to_owned()), ..CreateSku::default() };
    match client.create_sku(&sku).await {
        Ok(created) => Ok(created),
        // Refused because it exists, or unknown because an attempt was lost: either way it is there, or the first fault stands.
        Err(error) => client.sku(DEMO).await.map_err(|_| error.into()),
    }
}
