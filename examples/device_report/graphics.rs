//! A graphics adapter: what it says of itself, and what its kernels reach.

use pocketrec::{
    Result,
    gpu::{Gpu, GpuOptions, Select, Tile},
};

use crate::{common::output::say, table};

/// Inputs and outputs of the layers that are measured: those of NeuMF with 64 and with 8 factors.
const LAYERS: [[u32; 2]; 6] = [[256, 256], [256, 128], [128, 64], [64, 32], [32, 16], [16, 8]];
/// Rows at least and at most; between them as many as take a tenth of a measurement.
const ROWS: [f64; 2] = [256.0, 65_536.0];
/// Bytes of a copy at first, and where that takes less than a millisecond.
const COPIES: [u64; 2] = [16 << 20, 256 << 20];

/// Prints the adapter and its kernels' rates.
pub fn measure(gpu: &Gpu, seconds: f64) -> Result<()> {
    let adapter = gpu.adapter();
    let mut facts = table(["GPU".into(), adapter.name]);
    facts.add_row(["backend", &adapter.backend]);
    facts.add_row(["driver", &adapter.driver]);
    facts.add_row(["kind", &adapter.kind]);
    for (name, limit) in adapter.limits {
        facts.add_row([name, &limit.to_string()]);
    }
    facts.add_row(["features", &adapter.features.join(", ")]);
    let [small, large] = COPIES;
    let mut copy = gpu.copy_rate(small.min(gpu.max_binding()), seconds)?;
    if copy > 2.0 * small as f64 / 1e-3 {
        copy = gpu.copy_rate(large.min(gpu.max_binding()), seconds)?;
    }
    facts.add_row(["copies, read and written", &format!("{:.1} GB/s", copy / 1e9)]);
    let launch = gpu.launch(seconds)?;
    facts.add_row(["submit of one dispatch and wait", &micros(launch.submit)]);
    facts.add_row(["each dispatch of a long submit", &micros(launch.dispatch)]);
    say!("{facts}\n")?;
    products(gpu, seconds)
}

/// GFLOP/s of `linear forward`, a row a layer and a column a tile; what training takes is marked. The last column is mixed
/// precision, where the adapter has it.
fn products(gpu: &Gpu, seconds: f64) -> Result<()> {
    let options = GpuOptions {
        mixed: true,
        ..gpu.options().clone()
    };
    let mixed = Gpu::open(&Select::Named(gpu.name()), options);
    let tiles = &Tile::LINEAR[..5];
    let name = |tile: &Tile| format!("{} x {} x {}", 8 * tile.wy, 4 * tile.wx, 4 * tile.depth);
    let header = ["GFLOP/s of linear, by tile".into(), "rows".into()];
    let last = mixed.is_ok().then(|| "mixed".to_string());
    let mut rates = table(header.into_iter().chain(tiles.iter().map(name)).chain(last));
    for [inputs, outputs] in LAYERS {
        let probe = gpu.product_rate(None, [ROWS[0] as u32, inputs, outputs], seconds / 5.0)?;
        let in_time = probe * seconds / 10.0 / (2.0 * f64::from(inputs) * f64::from(outputs));
        let rows = in_time.clamp(ROWS[0], ROWS[1]) as u32;
        let taken = Tile::linear(outputs / 4, false);
        let mut row = vec![format!("{inputs} to {outputs}"), rows.to_string()];
        for &tile in tiles {
            let rate = gpu.product_rate(Some(tile), [rows, inputs, outputs], seconds)?;
            let mark = if tile == taken { " *" } else { "" };
            row.push(format!("{:.1}{mark}", rate / 1e9));
        }
        if let Ok(mixed) = &mixed {
            let rate = mixed.product_rate(None, [rows, inputs, outputs], seconds)?;
            row.push(format!("{:.1}", rate / 1e9));
        }
        rates.add_row(row);
    }
    if let Err(error) = &mixed {
        say!("{error}.\n")?;
    }
    say!("{rates}\n\nTiles are rows x columns x depth; * is the one that training takes.\n")?;
    Ok(())
}

fn micros(seconds: f64) -> String {
    format!("{:.1} us", 1e6 * seconds)
}
