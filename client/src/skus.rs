//! The operator's calls on stock.

use holdfast_api::{AdjustStock, Audit, CreateSku, PageQuery, PatchSku, Sku, SkuList, headers, paths};
use http::Method;

use crate::call::Call;
use crate::endpoints::Side;
use crate::fate::Effect;
use crate::orders::with_query;
use crate::{Client, ClientError, IdempotencyKey};

impl Client {
    /// Puts a SKU on sale. It has no key but its name: if an attempt was lost, `sku-exists` may speak of this very
    /// call and is told as [`ClientError::Unknown`]; look at the SKU then.
    pub async fn create_sku(&self, sku: &CreateSku) -> Result<Sku, ClientError> {
        self.answer(&Call::write(Side::Admin, Effect::Unbounded, paths::SKUS.to_owned()).with_body(sku)?).await
    }

    /// A SKU as it is now.
    pub async fn sku(&self, sku: &str) -> Result<Sku, ClientError> {
        self.answer(&Call::read(Side::Admin, paths::fill(paths::SKU, sku))).await
    }

    /// One page of SKUs; `next` of the answer is the cursor of the next one.
    pub async fn skus(&self, page: &PageQuery) -> Result<SkuList, ClientError> {
        let values = [("cursor", page.cursor.clone()), ("limit", page.limit.map(|limit| limit.to_string()))];
        self.answer(&Call::read(Side::Admin, with_query(paths::SKUS, &values))).await
    }

    /// Changes settings that are at `version`. If an attempt was lost, `version-stale` may speak of this very call and
    /// is told as [`ClientError::Unknown`].
    pub async fn patch_sku(&self, sku: &str, version: u64, patch: &PatchSku) -> Result<Sku, ClientError> {
        let mut call = Call::write(Side::Admin, Effect::Unbounded, paths::fill(paths::SKU, sku))
            .with_body(patch)?
            .with_header("if-match", format!("\"{version}\""));
        call.question.method = Method::PATCH;
        self.answer(&call).await
    }

    /// Adds or takes stock, at most once per `key`.
    pub async fn adjust_stock(&self, sku: &str, key: &IdempotencyKey, adjustment: &AdjustStock) -> Result<Sku, ClientError> {
        let mut call = Call::write(Side::Admin, Effect::Unbounded, paths::fill(paths::ADJUSTMENTS, sku))
            .with_body(adjustment)?
            .with_header(headers::IDEMPOTENCY_KEY, key.header());
        call.key = Some(key.as_str().to_owned());
        self.answer(&call).await
    }

    /// Stops the sale of a SKU at once.
    pub async fn close_sku(&self, sku: &str) -> Result<Sku, ClientError> {
        self.answer(&Call::write(Side::Admin, Effect::Unbounded, paths::fill(paths::CLOSE, sku))).await
    }

    /// Resumes the sale of a SKU at once.
    pub async fn open_sku(&self, sku: &str) -> Result<Sku, ClientError> {
        self.answer(&Call::write(Side::Admin, Effect::Unbounded, paths::fill(paths::OPEN, sku))).await
    }

    /// A SKU's books; linearizable.
    pub async fn audit(&self, sku: &str) -> Result<Audit, ClientError> {
        self.answer(&Call::read(Side::Admin, paths::fill(paths::AUDIT, sku))).await
    }
}
