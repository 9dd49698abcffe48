//! The browser's interface: what `src/web/pocketrec.js` is written on, for a Worker of a page.
//!
//! Functions are thin: they check what JavaScript hands over, call the [`Trainer`](crate::train::Trainer), and give its result as
//! numbers, bytes or JSON. The face around them, `pocketrec.js`, has the names that pages use, and makes a promise of each.
//!
//! # What callers can do wrong
//!
//! A panic is the end of a module: there is nothing to catch it with. So ids, numbers and lengths are looked at here before
//! anything else sees them, and settings come as JSON, which knows no number that is none. While a call waits for a graphics
//! device, others can come: a trainer that is at work is borrowed, and refuses them with an [`Error`](crate::Error).
//!
//! # Waiting
//!
//! With the feature `gpu` the functions that may have to wait for a device are exported as *promising*: the browser parks their
//! stack while [`Pending::wait`](crate::executor::Pending::wait) awaits the device (JSPI, WebAssembly's JavaScript promise
//! integration), and the rest of the library does not notice. Without it they return when they are done.
#![allow(deprecated)] // how wasm-bindgen says that its JSPI is new

mod data;
mod session;
mod settings;
#[cfg(feature = "gpu")]
pub(crate) mod wait;

pub use data::Data;
pub use session::Session;

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn milliseconds() -> f64;
}

/// Seconds since the page was opened, or its Worker.
pub(crate) fn seconds() -> f64 {
    milliseconds() / 1000.0
}
