//! Made-up impressions of ads, of which it is known how likely each is to be clicked on.

use pocketrec::rng::Rng;

/// How many there are of each. Ads from `ADS` on are new: no row of the log has them.
pub const USERS: u32 = 2000;
const AGES: u32 = 6;
const DEVICES: u32 = 3;
const SITES: u32 = 30;
const SLOTS: u32 = 4;
const CATEGORIES: u32 = 8;
pub const ADS: u32 = 60;
pub const NEW_ADS: u32 = 3;
/// Candidates of an auction.
const CANDIDATES: u32 = 8;

/// The logit of an ad that nothing speaks for or against.
const BIAS: f32 = -3.2;
/// What new ads have of their own: one is liked, one is not, one is as others are.
const NEW: [f32; NEW_ADS as usize] = [1.8, -1.5, 0.3];

/// The columns of the log, of which the last is a number and the others are keys.
pub const COLUMNS: [&str; 9] = [
    "user", "age", "device", "hour", "site", "slot", "ad", "category", "seen",
];
pub const SEEN: &str = COLUMNS[COLUMNS.len() - 1];

/// An ad that is shown to somebody.
#[derive(Clone, Copy, Debug)]
pub struct Impression {
    pub user: u32,
    hour: u32,
    site: u32,
    slot: u32,
    pub ad: u32,
    /// How often the user has seen it before.
    seen: u32,
}

/// Several ads that want the same place, each with what a click on it pays.
pub struct Auction {
    pub rows: Vec<Impression>,
    pub bids: Vec<f32>,
}

/// Streams of random numbers.
#[derive(Clone, Copy)]
enum Of {
    User = 1,
    Age,
    Device,
    Hour,
    Site,
    Ad,
    /// What goes well together and what does not: this no sum over single fields has.
    AgeAndCategory,
    DeviceAndCategory,
    SiteAndCategory,
    Rows,
    Bids,
}

/// What decides about clicks.
#[derive(Clone, Copy)]
pub struct World {
    rng: Rng,
}

impl World {
    pub fn new(seed: u64) -> Self {
        // Below the numbers that training draws by the same seed.
        World {
            rng: Rng::new(seed).stream(1000),
        }
    }

    fn of(&self, what: Of) -> Rng {
        self.rng.stream(what as u32)
    }

    fn effect(&self, what: Of, index: u32) -> f32 {
        self.of(what).normal(index.into())
    }

    fn pair(&self, what: Of, index: u32, category: u32) -> f32 {
        self.effect(what, index * CATEGORIES + category)
    }

    fn age(&self, user: u32) -> u32 {
        self.of(Of::Age).below((USERS + user).into(), AGES)
    }

    fn device(&self, user: u32) -> u32 {
        self.of(Of::Device).below((USERS + user).into(), DEVICES)
    }

    /// The logit by which a click is drawn: no model can know more.
    pub fn logit(&self, row: &Impression) -> f32 {
        let (age, device, category) = (self.age(row.user), self.device(row.user), row.ad % CATEGORIES);
        let of_ad = match row.ad.checked_sub(ADS) {
            Some(new) => NEW[new as usize % NEW.len()],
            None => 0.6 * self.effect(Of::Ad, row.ad),
        };
        let alone = of_ad
            + 0.3 * self.effect(Of::User, row.user)
            + 0.2 * self.effect(Of::Age, age)
            + 0.2 * self.effect(Of::Device, device)
            + 0.3 * self.effect(Of::Hour, row.hour)
            + 0.4 * self.effect(Of::Site, row.site)
            - 0.4 * row.slot as f32
            - 0.4 * (1.0 + row.seen as f32).ln();
        let together = 0.9 * self.pair(Of::AgeAndCategory, age, category)
            + 0.7 * self.pair(Of::DeviceAndCategory, device, category)
            + 0.7 * self.pair(Of::SiteAndCategory, row.site, category);
        BIAS + alone + together
    }

    /// A row of the log, in which ads were shown at random.
    pub fn shown(&self, row: u32) -> Impression {
        let rng = self.of(Of::Rows).stream(row);
        Impression {
            user: rng.below(0, USERS),
            hour: rng.below(1, 24),
            site: rng.below(2, SITES),
            slot: rng.below(3, SLOTS),
            ad: rng.below(4, ADS),
            seen: ((-1.5 * (1.0 - rng.uniform(5)).ln()) as u32).min(9),
        }
    }

    /// The same with a new ad, which nobody can have seen often.
    pub fn shown_new(&self, row: u32) -> Impression {
        let ad = ADS + self.of(Of::Rows).stream(row).below(6, NEW_ADS);
        Impression {
            ad,
            seen: 0,
            ..self.shown(row)
        }
    }

    pub fn is_clicked(&self, row: u32, shown: &Impression) -> bool {
        let chance = 1.0 / (1.0 + (-self.logit(shown)).exp());
        self.of(Of::Rows).stream(row).uniform(7) < chance
    }

    /// An auction for a user, or for whoever comes.
    pub fn auction(&self, number: u32, user: Option<u32>) -> Auction {
        let rng = self.of(Of::Bids).stream(number);
        let place = self.shown(u32::MAX / 2 + number);
        let first = rng.below(0, ADS);
        let rows = (0..CANDIDATES).map(|at| Impression {
            user: user.unwrap_or(place.user),
            // Seven apart, so that no ad comes twice.
            ad: (first + 7 * at) % ADS,
            seen: rng.below(1 + u64::from(at), 4),
            ..place
        });
        let rows: Vec<Impression> = rows.collect();
        let bids = (0..CANDIDATES).map(|at| 0.5 * (0.5 * rng.normal(100 + u64::from(at))).exp());
        Auction {
            rows,
            bids: bids.collect(),
        }
    }

    /// What the log says of a row, by column.
    pub fn values(&self, row: &Impression) -> [(&'static str, String); COLUMNS.len()] {
        let values = [
            row.user.to_string(),
            format!("{}0s", 1 + self.age(row.user)),
            ["phone", "tablet", "laptop"][self.device(row.user) as usize % 3].into(),
            format!("{}h", row.hour),
            row.site.to_string(),
            row.slot.to_string(),
            row.ad.to_string(),
            (row.ad % CATEGORIES).to_string(),
            row.seen.to_string(),
        ];
        let mut at = 0;
        values.map(|value| {
            at += 1;
            (COLUMNS[at - 1], value)
        })
    }
}
