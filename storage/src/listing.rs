//! Orders by SKU, by buyer or all, newest first, with bounded work per call.

use std::io;

use holdfast_inventory::{BuyerHash, LogIndex, Order, OrderRef, SkuId, Status, StatusAt};

use crate::frame::damaged;
use crate::limits::{LIST_MAX, LIST_SCAN, LIST_SCAN_MARKS};
use crate::marks::{Marked, MarkedPages};
use crate::order_keys::{after, buyer_key, page_key, place_of};
use crate::order_log::OrderCore;
use crate::pages::Page;
use crate::statuses::StatusReader;
use crate::{Missing, Place};

const FIRST: Place = (LogIndex(0), 0);
const END: Place = (LogIndex(u64::MAX), u16::MAX);

/// An order as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOrder {
    /// What was bought.
    pub order: Order,
    /// Its latest status in the log.
    pub status: StatusAt,
    /// Its status at acceptance.
    pub accepted_status: Status,
}

/// Where a buyer's orders are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuyerChain {
    /// The buyer, hashed: finds the ends of chains that the state forgot.
    pub hash: BuyerHash,
    /// The buyer's name: orders of others are never listed, whatever a cursor says.
    pub name: String,
    /// The buyer's latest order, if the state knows one.
    pub head: Option<OrderRef>,
}

/// Which orders to list. All given conditions hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// With a line of this SKU.
    pub sku: Option<SkuId>,
    /// Of this buyer.
    pub buyer: Option<BuyerChain>,
    /// With one of these words as status (see [`Status::word`]); none: with any.
    pub statuses: Vec<&'static str>,
    /// Accepted before this one: the last page's [`ListPage::next`].
    pub before: Option<OrderRef>,
    /// At most so many.
    pub limit: usize,
}

/// Some orders, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The orders; fewer than the limit, even none, do not mean that there are no more.
    pub orders: Vec<StoredOrder>,
    /// Where to go on; none if nothing older is left.
    pub next: Option<OrderRef>,
}

impl Query {
    fn takes(&self, stored: &StoredOrder) -> bool {
        let order = &stored.order;
        self.sku.is_none_or(|sku| order.lines.iter().any(|line| line.sku == sku))
            && self.buyer.as_ref().is_none_or(|buyer| *order.buyer == *buyer.name)
            && (self.statuses.is_empty() || self.statuses.contains(&stored.status.status.word()))
            && self.before.is_none_or(|before| order.at < before)
    }

    fn limit(&self) -> usize {
        self.limit.clamp(1, LIST_MAX)
    }

    fn end(&self) -> Place {
        self.before.map_or(END, place)
    }
}

/// The ranges without pages, as they were before the first page of a list was read: what comes in meanwhile makes no list wrong.
struct Holes(Vec<Missing>);

impl Holes {
    /// Goes on only if every page of `from..to` is there.
    fn none_in(&self, from: Place, to: Place) -> Result<(), Stop> {
        if self.0.iter().any(|range| range.meets(from, to)) { Err(Stop::Missing) } else { Ok(()) }
    }
}

/// Why a list ends without an answer.
enum Stop {
    /// Pages are missing that it needs.
    Missing,
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl OrderCore {
    pub(crate) fn list(&self, query: &Query) -> io::Result<Option<ListPage>> {
        let holes = Holes(self.memtable().missing.clone());
        match self.whole_list(query, &holes) {
            Ok(page) => Ok(Some(page)),
            Err(Stop::Missing) => Ok(None),
            Err(Stop::Io(error)) => Err(error),
        }
    }

    fn whole_list(&self, query: &Query, holes: &Holes) -> Result<ListPage, Stop> {
        // A chain has been looked at link by link.
        let (page, read_to) = match &query.buyer {
            Some(chain) => (self.list_chain(query, chain, holes)?, FIRST),
            None => (self.list_pages(query)?, query.end()),
        };
        let oldest = page.next.map_or(FIRST, place);
        // A status may have been set by any page after the order's own.
        holes.none_in(oldest, if query.statuses.is_empty() { read_to } else { END })?;
        Ok(page)
    }

    /// Walks pages backwards: those that the SKU's marks name, or all.
    fn list_pages(&self, query: &Query) -> io::Result<ListPage> {
        let mut list = ListPage::default();
        let (mut end, mut statuses) = (query.end(), StatusReader::default());
        let (mut marked, mut lists) = (query.sku.map(|sku| MarkedPages::of(self, sku, end)), LIST_SCAN_MARKS);
        for _ in 0..LIST_SCAN {
            let page = match &mut marked {
                None => self.last_in(&page_key(FIRST), &page_key(end))?.map(|(key, value)| Page::read(&key, &value)).transpose()?,
                Some(marked) => match marked.before(end, &mut lists)? {
                    Marked::Page(place) => Some(self.marked_page(place)?),
                    Marked::NoneFrom(place) => return Ok(ListPage { next: Some(order_at(place)), ..list }),
                    Marked::End => None,
                },
            };
            let Some(page) = page else { return Ok(ListPage { next: None, ..list }) };
            end = page.first;
            for event in page.events.into_iter().rev() {
                let Some(stored) = self.stored(event, page.stamp, &mut statuses)?.filter(|stored| query.takes(stored)) else { continue };
                list.next = Some(stored.order.at);
                list.orders.push(stored);
                if list.orders.len() == query.limit() {
                    return Ok(list);
                }
            }
            list.next = Some(order_at(end));
        }
        Ok(list)
    }

    fn marked_page(&self, place: Place) -> io::Result<Page> {
        let key = page_key(place);
        let value = self.get(&key)?.ok_or_else(|| damaged("a page that a SKU's mark names is gone"))?;
        Page::read(&key, &value)
    }

    /// Walks a buyer's chain from order to order, and on to the next chain where the state forgot one.
    fn list_chain(&self, query: &Query, chain: &BuyerChain, holes: &Holes) -> Result<ListPage, Stop> {
        let mut list = ListPage::default();
        let mut next = match (query.before, chain.head) {
            (None, Some(head)) => Some(head),
            (None, None) => self.forgotten_head(chain, END, holes)?,
            (Some(before), _) => {
                // A cursor of another list may name a place without an order.
                let stored = self.order(before)?;
                if stored.is_none() {
                    holes.none_in(place(before), after(place(before)))?;
                }
                self.older(chain, before, stored.as_ref(), holes)?
            }
        };
        for _ in 0..LIST_SCAN {
            let Some(at) = next else { break };
            // What a chain names exists: where it is not found, it is on its way.
            let stored = self.order(at)?.ok_or(Stop::Missing)?;
            let older = self.older(chain, at, Some(&stored), holes)?;
            list.orders.extend(Some(stored).filter(|stored| query.takes(stored)));
            list.next = older.map(|_| at);
            if list.orders.len() == query.limit() {
                break;
            }
            next = older;
        }
        Ok(list)
    }

    /// Where the buyer's order before the one at `at` is. Another buyer's order leads nowhere.
    fn older(&self, chain: &BuyerChain, at: OrderRef, stored: Option<&StoredOrder>, holes: &Holes) -> Result<Option<OrderRef>, Stop> {
        let own = stored.filter(|stored| *stored.order.buyer == *chain.name);
        match own.and_then(|stored| stored.order.previous).filter(|previous| *previous < at) {
            Some(previous) => Ok(Some(previous)),
            None => self.forgotten_head(chain, place(at), holes),
        }
    }

    /// Where the last chain ends that the state forgot and that ends before `end`. A later one may be told in any page from
    /// there on.
    fn forgotten_head(&self, chain: &BuyerChain, end: Place, holes: &Holes) -> Result<Option<OrderRef>, Stop> {
        let found = self.last_in(&buyer_key(chain.hash, FIRST), &buyer_key(chain.hash, end))?;
        let found = found.map(|(key, _)| place_of(&key)).transpose()?;
        holes.none_in(found.unwrap_or(FIRST), end)?;
        Ok(found.map(order_at))
    }
}

fn order_at(place: Place) -> OrderRef {
    OrderRef { index: place.0, position: place.1 }
}

fn place(order: OrderRef) -> Place {
    (order.index, order.position)
}
