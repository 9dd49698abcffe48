//! The recurrent kernels on what PyTorch computed (`tests/golden/README.md`), on every instruction set.
#![cfg(feature = "std")]

use pocketrec::{
    cpu::{
        Isa, Scalar, Simd,
        gru::{self, Gradients, Parameters, Workspace},
        last_step,
        linear::{PackedWeight, READ_AHEAD},
    },
    ops::gru::Kind,
    plan::Accumulate,
};

use crate::{
    ACCUMULATES, Padded,
    common::{close, golden::Golden},
};

const TOLERANCE: f64 = 1e-5;

/// A matrix of the file, with what lies between its rows and behind them.
fn matrix(golden: &Golden, name: &str, width: usize) -> Padded {
    Padded::new(&golden.floats(name), width, 3, READ_AHEAD)
}

/// The parameters' gradients in one list, as a partial has them, and what they begin as.
fn places(lengths: [usize; 4], begin: f32) -> [Vec<f32>; 4] {
    lengths.map(|len| vec![begin; len])
}

fn check<S: Simd>(s: S, isa: &str, golden: &Golden, name: &str, kind: Kind) {
    let (inputs, hidden): (usize, usize) = (golden.setting("inputs"), golden.setting("hidden"));
    let offsets = golden.ids("offsets");
    let (input, score) = (matrix(golden, "input", inputs), matrix(golden, "score", 1));
    let scores = (kind != Kind::Gru).then(|| score.rows());
    let pack = |name: &str, inputs: usize| {
        let mut packed = PackedWeight::new(s, 3 * hidden, inputs);
        packed.pack(s, &golden.floats(name));
        packed
    };
    let (input_weight, hidden_weight) = (pack("weight_ih", inputs), pack("weight_hh", hidden));
    let parameters = Parameters {
        input_weight: &input_weight,
        hidden_weight: &hidden_weight,
        input_bias: &golden.floats("bias_ih"),
        hidden_bias: &golden.floats("bias_hh"),
    };
    let names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
    let lengths = names.map(|name| golden.floats(name).len());
    // The workspace of longer histories before, as tiles of a batch leave it.
    let mut workspace = Workspace::default();
    for accumulate in ACCUMULATES {
        let what = |tensor: &str| format!("{isa}, {name}, {accumulate:?}: {tensor}");
        let want = |tensor: &str| golden.wide(&format!("{name}/{tensor}"));
        let steps = offsets[offsets.len() - 1] as usize;
        let mut states = Padded::new(&vec![f32::NAN; steps * hidden], hidden, 3, READ_AHEAD);
        gru::forward(
            s,
            kind,
            &offsets,
            input.rows(),
            scores,
            parameters,
            &mut workspace,
            states.rows_mut(),
        );
        close(
            &states.values("states")[..steps * hidden],
            &want("states"),
            TOLERANCE,
            &what("states"),
        );
        let samples = offsets.len() - 1;
        let mut output = Padded::new(&vec![f32::NAN; samples * hidden], hidden, 3, 0);
        last_step::forward(&offsets, states.rows(), output.rows_mut());
        close(&output.values("last"), &want("last"), TOLERANCE, &what("last"));

        let mut d_states = matrix(golden, "functional/states", hidden);
        last_step::backward(
            &offsets,
            matrix(golden, "functional/last", hidden).rows(),
            d_states.rows_mut(),
            Accumulate::Add,
        );
        let begin = if accumulate == Accumulate::Overwrite {
            f32::NAN
        } else {
            1.0
        };
        let mut d_input = Padded::new(&vec![begin; steps * inputs], inputs, 3, 0);
        let [mut input_weight, mut hidden_weight, mut input_bias, mut hidden_bias] = places(lengths, begin);
        let gradients = Gradients {
            input_weight: &mut input_weight,
            hidden_weight: &mut hidden_weight,
            input_bias: &mut input_bias,
            hidden_bias: &mut hidden_bias,
            accumulate,
        };
        gru::backward(
            s,
            kind,
            &offsets,
            input.rows(),
            scores,
            parameters,
            &mut workspace,
            states.rows(),
            d_states.rows(),
            gradients,
            d_input.rows_mut(),
            accumulate,
        );
        let begun = if accumulate == Accumulate::Overwrite { 0.0 } else { 1.0 };
        let compare = |got: &[f32], tensor: &str| {
            let want: Vec<f64> = want(&format!("grad/{tensor}")).iter().map(|x| begun + x).collect();
            close(got, &want, TOLERANCE, &what(tensor));
        };
        compare(&d_input.values("d_input"), "input");
        for (got, tensor) in [input_weight, hidden_weight, input_bias, hidden_bias].iter().zip(names) {
            compare(got, tensor);
        }
        if kind != Kind::Gru {
            close(
                &workspace.scores()[..steps],
                &want("grad/score"),
                TOLERANCE,
                &what("score"),
            );
        }
    }
}

#[test]
fn recurrent_layers_equal_pytorch() {
    let golden = Golden::read(include_bytes!("../golden/recurrent.safetensors"));
    for (name, kind) in [
        ("gru", Kind::Gru),
        ("aigru", Kind::Aigru),
        ("agru", Kind::Agru),
        ("augru", Kind::Augru),
    ] {
        on_every_isa!(check(&golden, name, kind));
    }
}
