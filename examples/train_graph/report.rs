//! What is said at the end.

use pocketrec::{
    Result,
    data::Interactions,
    eval::{FullRanking, FullReport},
    explain::Kind,
};

use crate::{
    common::{
        interactions::data::name_of,
        output::say,
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
        let best = ranking.of_scores(split, |users, scores| {
            let items = split.train.items();
            for (&user, scores) in users.iter().zip(scores.chunks_exact_mut(items as usize)) {
                (0..items)
                    .zip(scores)
                    .for_each(|(item, score)| *score = truth.score(user, item));
            }
            Ok(())
        })?;
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

/// What a reason is called: an item, or what an item is joined with in a knowledge graph, whose first entities are the items.
fn reason_of(train: &Interactions, model: &Fitted, reason: u32) -> String {
    let known = model.knowledge().filter(|known| reason as usize >= known.counts()[0]);
    match known {
        Some(known) => cut(&known.entity_ids().key(reason).unwrap_or_default(), 18),
        None => cut(&name_of(train, reason), 18),
    }
}

/// The best items for one user, each with what it comes from.
pub fn recommendations(data: &Data, model: &mut Fitted, user: u32) -> Result<()> {
    let train = &data.split.train;
    let name = |item: u32, width: usize| cut(&name_of(train, item), width);
    let key = cut(&train.user_ids().key(user).unwrap_or_default(), 20);
    let has = train.of_user(user);
    let lately = has.iter().rev().take(5).map(|&item| name(item, 18));
    say!(
        "\nuser {key} has {} items, lately {}",
        has.len(),
        listed(lately, TERMINAL - 30)
    )?;
    let best = model.recommend(user, SHOWN)?;
    if best.is_empty() {
        return say!("nothing can be said of a user without items");
    }
    let told = model.explain(user, best[0].0)?.map(|why| match why.kind {
        Kind::Paths => "led to by",
        Kind::Neighbours => "looked at of it",
        Kind::Parts | Kind::Weights => "most of it from",
    });
    let mut header = vec![String::new(), format!("for user {key}"), "score".into()];
    header.extend(told.map(String::from));
    let mut table = table(header, |column| column == 0 || column == 2);
    for (place, &(item, score)) in (1..).zip(&best) {
        let mut row = vec![format!("{place}"), name(item, 26), format!("{score:.3}")];
        if let Some(why) = model.explain(user, item)? {
            let reasons = why.reasons.iter().take(3);
            row.push(listed(reasons.map(|reason| reason_of(train, model, reason.item)), 32));
        }
        table.add_row(row);
    }
    say!("{table}")
}
