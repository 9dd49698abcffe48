//! What the machine can do at most; every other bench holds its results against these.

mod common;

fn main() {
    if common::is_test() {
        return; // the other benches ask for what they need
    }
    common::ceilings::print_all();
}
