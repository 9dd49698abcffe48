//! What is said at the end.

use pocketrec::{
    Result,
    eval::{FullRanking, FullReport},
    explain::Kind,
};

use crate::{
    common::{
        interactions::{data::name_of, ranking},
        output::say,
        reasons::{self, Explains},
        tables::{TERMINAL, cut, listed, table},
    },
    data::Data,
    fitted::Fitted,
};

/// Recommendations that are shown.
const SHOWN: usize = 10;

/// Popularity, the model, and the truth where it is known.
pub fn rankings(data: &Data, model: Option<&mut Fitted>, k: usize) -> Result<()> {
    let (split, ranking) = (&data.split, FullRanking::new(k));
    let mut rows = vec![("popularity", ranking.of_popularity(split)?)];
    let mut groups = None;
    if let Some(model) = model {
        let report = model.full_ranking(split, ranking)?;
        groups = Some(report.clone());
        rows.push((model.name(), report));
    }
    if let Some(truth) = &data.truth {
        let best = ranking::of_all(split, ranking, |user, item| truth.score(user, item))?;
        rows.push(("the truth behind the data: the ceiling", best));
    }
    say!("\n{}", table_of(&rows, k))?;
    match groups {
        Some(report) => say!("{report}"),
        None => Ok(()),
    }
}

fn table_of(rows: &[(&str, FullReport)], k: usize) -> impl std::fmt::Display + use<> {
    let header = [
        "all items ranked by".into(),
        format!("recall@{k}"),
        format!("NDCG@{k}"),
        format!("HR@{k}"),
    ];
    let mut table = table(header.to_vec(), |column| column > 0);
    for (name, report) in rows {
        let all = &report.all;
        let figures = [all.recall, all.ndcg, all.hit_rate].map(|figure| format!("{figure:.4}"));
        table.add_row([(*name).to_owned()].into_iter().chain(figures));
    }
    table
}

/// The best items for one user, each with what it comes from; all that is known of that where `why` asks for it.
pub fn recommendations(data: &Data, model: &mut Fitted, user: u32, why: bool) -> Result<()> {
    let train = &data.split.train;
    let key = cut(&train.user_ids().key(user).unwrap_or_default(), 20);
    let has = train.of_user(user);
    let lately = has.iter().rev().take(5).map(|&item| cut(&name_of(train, item), 18));
    say!(
        "\nuser {key} has {} items, lately {}",
        has.len(),
        listed(lately, TERMINAL - 30)
    )?;
    let best = model.recommend(user, SHOWN)?;
    let Some(&(first, _)) = best.first() else {
        return say!("nothing can be said of a user without items");
    };
    let told = match model.explain(user, first)?.kind {
        Kind::Paths => "led to by",
        Kind::Neighbours => "looked at of it",
        Kind::Parts | Kind::Weights => "most of it from",
    };
    let header = [String::new(), format!("for user {key}"), "score".into(), told.into()];
    let mut table = table(header.to_vec(), |column| column == 0 || column == 2);
    for (place, &(item, score)) in (1..).zip(&best) {
        let reasons = model.explain(user, item)?.reasons;
        let named = reasons.iter().take(3).map(|reason| model.reason(reason.item, 18));
        let (place, name) = (format!("{place}"), cut(&name_of(train, item), 26));
        table.add_row([place, name, format!("{score:.3}"), listed(named, 32)]);
    }
    say!("{table}")?;
    match why {
        true => reasons::of_user(model, user, &best),
        false => Ok(()),
    }
}
