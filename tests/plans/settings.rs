//! Settings of models at and beyond the ends of their ranges: a plan, or an error that names the setting.

use std::{
    fmt,
    time::{Duration, Instant},
};

use pocketrec::{
    Error,
    data::clicks::{IdField, Layout, SequenceField, Table},
    models::{ClickModel, DcnV2, DeepFm, Dien, Din, Fm, Gmf, Lr, Mf, Mlp, Model, NeuMf, Unit},
    ops::SigmoidCrossEntropy,
    plan::{Activation, Init, Plan, PlanBuilder},
};

/// The setting that is at fault, and why.
#[track_caller]
fn fault(made: pocketrec::Result<impl fmt::Debug>) -> (String, String) {
    match made {
        Err(Error::Config { field, reason }) => (field, reason),
        other => panic!("{other:?}"),
    }
}

/// So many id fields with a vocabulary each, and a history of the first.
fn layout(ids: usize) -> Layout {
    Layout {
        ids: (0..ids).map(|i| IdField::new(format!("f{i}"), i)).collect(),
        sequences: vec![SequenceField {
            name: "history".into(),
            length: 5,
            fields: vec![0],
        }],
        vocabularies: (0..ids)
            .map(|i| Table {
                name: format!("f{i}"),
                rows: 3,
            })
            .collect(),
        ..Layout::default()
    }
}

/// All models of clicks that have a setting, with this value of it.
fn models_with(layout: &Layout, setting: &str, value: &str) -> Vec<ClickModel> {
    let all = ClickModel::NAMES
        .iter()
        .map(|name| ClickModel::named(name, layout).unwrap());
    let those = all.filter(|model| model.settings().iter().any(|there| there == setting));
    those.map(|model| model.with(setting, value).unwrap()).collect()
}

fn click_models(layout: &Layout, embedding_dim: usize) -> Vec<ClickModel> {
    models_with(layout, "embedding_dim", &embedding_dim.to_string())
}

#[test]
fn settings_are_known_by_their_names() {
    let layout = layout(2);
    let unknown = ClickModel::named("ncf", &layout).unwrap_err().to_string();
    assert!(
        unknown.contains("there is no ncf") && unknown.contains("dcnv2"),
        "{unknown}"
    );
    let by_setters = Din::new(&layout)
        .attention([8, 4], Unit::Dice)
        .softmax(true)
        .dropout(0.25);
    let mut by_name = ClickModel::named("din", &layout).unwrap();
    for (setting, value) in [
        ("attention", "8,4"),
        ("attention_unit", "dice"),
        ("softmax", "true"),
        ("dropout", "0.25"),
    ] {
        by_name = by_name.with(setting, value).unwrap();
    }
    assert_eq!(by_name, by_setters.into());
    let deepfm = || ClickModel::named("deepfm", &layout).unwrap();
    let units = ["batch-norm-relu", "batch_norm_relu"].map(|unit| deepfm().with("unit", unit).unwrap());
    assert_eq!(units[0], units[1]);
    for (setting, value) in [
        ("layout", "{}"),
        ("model", "fm"),
        ("attention", "8"),
        ("hidden", "8,-1"),
        ("hidden", "8]"),
        ("dropout", "much"),
        ("dropout", ""),
        ("unit", "tanh"),
        ("embedding_dim", "1.5"),
    ] {
        assert_eq!(fault(deepfm().with(setting, value)).0, setting, "{value}");
    }
}

#[test]
fn sizes_of_cross_networks_are_refused_by_name() {
    let layout = layout(2);
    for layers in [0, 1025, usize::MAX] {
        assert_eq!(fault(DcnV2::new(&layout).cross(layers).plan()).0, "cross");
    }
    for rank in [0, 65_537, usize::MAX] {
        assert_eq!(fault(DcnV2::new(&layout).rank(rank).plan()).0, "rank");
    }
    assert!(
        DcnV2::new(&layout)
            .embedding_dim(1)
            .cross(1024)
            .hidden([])
            .plan()
            .is_ok()
    );
}

#[test]
fn sizes_of_pairs_models_are_refused_by_name() {
    for size in [0, 65_537, usize::MAX / 8 + 1, usize::MAX / 2, usize::MAX] {
        let models: [(&str, Model); 8] = [
            ("factors", Mf::new(3, 4).factors(size).into()),
            ("factors", Gmf::new(3, 4).factors(size).into()),
            ("factors", NeuMf::new(3, 4).factors(size).into()),
            ("factors", NeuMf::new(3, 4).factors(size).layers([4, 2]).into()),
            ("layers", Mlp::new(3, 4).layers([size, 4]).into()),
            ("layers", Mlp::new(3, 4).layers([4, size]).into()),
            ("layers", NeuMf::new(3, 4).layers([4, 2, size]).into()),
            ("layers", NeuMf::new(3, 4).layers([size, 2]).into()),
        ];
        for (expected, model) in models {
            let (field, reason) = fault(model.plan());
            assert!(
                field == expected && reason.contains("is not in 1..=65536"),
                "{model:?}: {field}: {reason}"
            );
        }
    }
    // The tower is eight times as wide at its foot.
    let (field, reason) = fault(NeuMf::new(3, 4).factors(65_536).plan());
    assert!(field == "layers" && reason.contains("524288"), "{field}: {reason}");
    for rows in [0, usize::MAX] {
        assert_eq!(fault(Mf::new(rows, 4).plan()).0, "users");
        assert_eq!(fault(NeuMf::new(4, rows).plan()).0, "items");
    }
    assert!(Mlp::new(3, 4).layers(vec![2; 1024]).plan().is_ok());
    let (field, reason) = fault(Mlp::new(3, 4).layers(vec![2; 1025]).plan());
    assert!(
        field == "layers" && reason.contains("1025 layers; give 1024 at most"),
        "{reason}"
    );
}

#[test]
fn sizes_of_click_models_are_refused_by_name() {
    let layout = layout(2);
    for size in [0, 65_537, usize::MAX / 3, usize::MAX] {
        for model in click_models(&layout, size) {
            assert_eq!(fault(model.plan()).0, "embedding_dim", "{}", model.name());
        }
        for model in models_with(&layout, "hidden", &format!("4,{size}")) {
            assert_eq!(fault(model.plan()).0, "hidden", "{}", model.name());
        }
        assert_eq!(
            fault(Din::new(&layout).attention([4, size], Unit::Dice).plan()).0,
            "attention"
        );
        assert_eq!(fault(Dien::new(&layout).attention([size]).plan()).0, "attention");
        assert_eq!(fault(Dien::new(&layout).auxiliary([size], 1.0).plan()).0, "auxiliary");
    }
    let many = vec![1; 1025];
    for (expected, plan) in [
        ("hidden", DeepFm::new(&layout).hidden(many.clone()).plan()),
        ("hidden", Dien::new(&layout).hidden(many.clone()).plan()),
        (
            "attention",
            Din::new(&layout).attention(many.clone(), Unit::Relu).plan(),
        ),
        ("attention", Dien::new(&layout).attention(many.clone()).plan()),
        ("auxiliary", Dien::new(&layout).auxiliary(many.clone(), 1.0).plan()),
    ] {
        let (field, reason) = fault(plan);
        assert!(
            field == expected && reason.contains("1025 layers; give 1024 at most"),
            "{field}: {reason}"
        );
    }
}

#[test]
fn fields_are_counted_and_have_names_of_their_own() {
    let begun = Instant::now();
    let most = layout(8192);
    assert_eq!(Lr::new(&most).plan().unwrap().columns().len(), 8192);
    for model in click_models(&most, 2) {
        let plan = model.plan().unwrap();
        assert_eq!(
            (plan.rows(8191), plan.gathers(0).count() > 0),
            (3, true),
            "{}",
            model.name()
        );
    }
    // Wider than any buffer, and far from overflow.
    for model in click_models(&most, 65_536) {
        assert!(matches!(model.plan(), Err(Error::Plan(_))), "{}", model.name());
    }
    let (field, reason) = fault(Fm::new(&layout(8193)).plan());
    assert!(
        field == "fields" && reason.contains("8193; give 8192 at most"),
        "{field}: {reason}"
    );
    let mut numbers = layout(1);
    numbers.numbers = vec![String::new(); 8192];
    assert_eq!(fault(Lr::new(&numbers).plan()).0, "fields");
    let mut events = layout(1);
    events.sequences[0].fields = vec![0; 8193];
    assert_eq!(fault(Din::new(&events).plan()).0, "fields of events");
    events.sequences[0].fields = vec![0; 2];
    assert_eq!(fault(Din::new(&events).plan()).0, "history");
    // Of a model that does not read the history too.
    events.sequences[0].fields = vec![1];
    let (field, reason) = fault(Lr::new(&events).plan());
    assert!(field == "history" && reason.contains("not there"), "{field}: {reason}");
    let mut bare = layout(2);
    bare.vocabularies.pop();
    assert_eq!(fault(Lr::new(&bare).plan()).0, "f1");
    let mut twins = layout(2);
    twins.vocabularies[1].name = "f0".into();
    let (field, reason) = fault(Lr::new(&twins).plan());
    assert!(
        field == "f0" && reason.contains("two vocabularies"),
        "{field}: {reason}"
    );
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn numeric_features_are_counted() {
    for first in [1 << 20, usize::MAX - 1, usize::MAX] {
        let mut plan = PlanBuilder::new();
        let (user, x) = (plan.column("user"), plan.buffer(4));
        plan.gather("user.weight", user, 3, Init::Zeros, x.columns(0, 2));
        plan.numeric(first, x.columns(2, 2));
        let logit = plan.linear("logit", x, 1, Activation::Identity);
        let error = plan.finish(SigmoidCrossEntropy { logit }).unwrap_err().to_string();
        assert!(error.contains("numeric features; give 1048576 at most"), "{error}");
    }
}

#[test]
fn multiply_adds_of_any_batch_are_a_number() {
    for model in click_models(&layout(3), 4) {
        let plan = model.plan().unwrap();
        let steps = vec![usize::MAX; plan.sequences().len()];
        assert_eq!(
            plan.batch_multiply_adds(usize::MAX, &steps),
            usize::MAX,
            "{}",
            model.name()
        );
    }
}

/// A plan of so many layers, each applied twice, over so many columns.
fn long_plan(layers: usize) -> Plan {
    let mut plan = PlanBuilder::new();
    let x = plan.buffer(layers);
    for at in 0..layers {
        let column = plan.column(&format!("column {at}"));
        plan.gather(&format!("table {at}"), column, 3, Init::Zeros, x.columns(at, 1));
    }
    let mut ends = [plan.plain_sum(&[x]), plan.plain_sum(&[x])];
    for at in 0..layers {
        let name = format!("layer {at}");
        ends[0] = plan.linear(&name, ends[0], 1, Activation::Relu);
        ends[1] = plan.shared(|plan| plan.linear(&name, ends[1], 1, Activation::Relu));
        plan.expose(&name, ends[1]);
    }
    let logit = plan.plain_sum(&ends);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}

/// Sixteen times the layers take some sixteen times the time, caches and neighbours aside, and not 256 times.
#[test]
fn a_plan_is_built_in_time_proportional_to_its_stages() {
    let time = |layers: usize| {
        let once = || {
            let begun = Instant::now();
            assert_eq!(long_plan(layers).stages().len(), 3 * layers + 4);
            begun.elapsed()
        };
        (0..3).map(|_| once()).min().unwrap()
    };
    let (short, long) = (time(2_500), time(40_000));
    assert!(
        long < 80 * short + Duration::from_millis(50),
        "{short:?} for 2,500, {long:?} for 40,000"
    );
}
