//! Spaces and budgets that are refused before time is spent.

use pocketrec::tune::*;

#[test]
fn a_space_that_has_no_sense_is_named() {
    let cases = [
        (Space::new(), "space: 0 settings"),
        (Space::new().uniform("a", 1.0, 1.0), "a: 1 is not below 1"),
        (Space::new().uniform("a", 0.0, f64::NAN), "a: 0 to NaN is no interval"),
        (Space::new().uniform("a", f64::MIN, f64::MAX), "a: "),
        (Space::new().log_uniform("a", 0.0, 1.0), "a: 0 has no logarithm"),
        (Space::new().log_uniform("a", 1.0, 0.1), "a: 1 is not below 0.1"),
        (Space::new().integers("a", 3, 2), "a: 3 is not below 2"),
        (Space::new().integers("a", 0, i64::MAX), "a: 0 to"),
        (
            Space::new().choice("a", [0i64; 0]),
            "a: there is nothing to choose from",
        ),
        (Space::new().choice("a", [1, 2, 1]), "a: two choices look the same"),
        (
            Space::new().choice("a", [f64::INFINITY]),
            "a: a choice is no finite number",
        ),
        (Space::new().choice(" ", [1]), "space: setting 1 has no name"),
        (
            Space::new().integers("a", 1, 2).integers("a", 1, 3),
            "a: the space has it twice",
        ),
        (
            Space::new().integers("a", 1, 2).only_if("b", ["x"]),
            "a: it depends on b, which is no choice",
        ),
        (
            Space::new().choice("b", ["x"]).integers("a", 1, 2).only_if("b", ["y"]),
            "a: it depends on a value that b never has; that is one of x",
        ),
    ];
    for (space, wanted) in cases {
        let error = Tuner::new(Search::new(space.clone()))
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(wanted), "{space:?}: {error}");
        assert!(Search::new(space).check().is_err());
    }
}

#[test]
fn a_budget_that_is_not_enough_says_what_would_be() {
    let space = Space::new().uniform("a", 0.0, 1.0);
    let with = |budget| Search {
        budget,
        ..Search::new(space.clone())
    };
    let cases = [
        (Budget::default(), "budget: the space has no end"),
        (
            Budget::epochs(20),
            "budget.epochs: 20 epochs do not bring one trial to 9 epochs by comparison with others; give 21",
        ),
        (Budget::minutes(0.0), "budget.minutes: 0 minutes"),
        (Budget::minutes(f64::NAN), "budget.minutes: NaN minutes"),
        (Budget::trials(0), "budget.trials: 0 trials"),
    ];
    for (budget, wanted) in cases {
        let error = with(budget).check().unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error}");
    }
    for budget in [Budget::epochs(21), Budget::minutes(1.0), Budget::trials(1)] {
        with(budget).check().unwrap();
    }
    // Few trials cost less: 2 + (3 - 1) + (9 - 3).
    let few = Budget {
        epochs: Some(10),
        ..Budget::trials(2)
    };
    with(few).check().unwrap();
    let rungs = |halving| Search {
        halving,
        ..with(Budget::trials(5))
    };
    for (first, last, eta, wanted) in [
        (1, 9, 1, "eta: 1"),
        (0, 9, 3, "halving: "),
        (9, 1, 3, "halving: "),
        (1, 1 << 20, 2, "halving: "),
    ] {
        let error = rungs(Halving { first, last, eta }).check().unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error}");
    }
}

/// A space of choices and whole numbers knows all of its settings, those that depend on others too.
#[test]
fn all_settings_of_a_space_are_counted_by_hand() {
    let space = Space::new()
        .choice("model", ["mf", "mlp", "neumf"])
        .integers("factors", 3, 4)
        .choice("layers", [1, 2, 3])
        .only_if("model", ["mlp", "neumf"]);
    let all = space.all().unwrap();
    assert_eq!(all.len(), 2 + 2 * 2 * 3);
    assert!(
        all.iter()
            .all(|settings| (settings.get("layers").is_none()) == (settings.text("model").unwrap() == "mf"))
    );
    assert_eq!(Space::new().uniform("a", 0.0, 1.0).all(), None);
    assert_eq!(Space::new().integers("a", 0, 1 << 40).all(), None);
}
