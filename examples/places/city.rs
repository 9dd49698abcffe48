//! A made-up city, of which it is known how people choose where to go.

use std::f32::consts::TAU;

use pocketrec::{Result, data::Interactions, rng::Rng};

use crate::common::field::made_up::drawn;

/// What there is of each.
const PLACES: u32 = 800;
const PEOPLE: u32 = 1000;
const QUARTERS: u32 = 8;
/// What places are. Each has some of every kind.
const KINDS: [&str; 8] = ["cafe", "restaurant", "bar", "park", "museum", "cinema", "gym", "market"];
/// What is liked of places beside their kind, such as how loud or dear they are.
const STYLES: usize = 4;

/// Kilometres: the city's half width, how far quarters spread, and by how many a place must be further away to be chosen
/// `e` times less often.
const HALF_WIDTH: f32 = 8.0;
const SPREAD: f32 = 1.2;
const RANGE: f32 = 2.0;
/// Exponent of Zipf's law of how popular places are.
const ZIPF: f32 = 0.7;
/// Standard deviation of what somebody makes of a kind, and of each product of styles.
const OF_KINDS: f32 = 1.2;
const OF_STYLES: f32 = 0.5;
/// Visits of somebody, on the mean.
const VISITS: f32 = 8.0;

/// Kilometres to the east and north of the middle.
type Point = [f32; 2];

/// Streams of random numbers.
#[derive(Clone, Copy)]
enum Of {
    Quarters = 1,
    Places,
    Ranks,
    People,
    Kinds,
    PlaceStyles,
    PeopleStyles,
    Choice,
    Order,
}

/// Who lives where, what lies where, and what people make of places.
pub struct City {
    rng: Rng,
    homes: Vec<Point>,
    places: Vec<Point>,
    log_popularity: Vec<f32>,
}

impl City {
    pub fn new(seed: u64) -> Self {
        // Below the numbers that training draws by the same seed.
        let rng = Rng::new(seed).stream(1000);
        let stream = |what: Of| rng.stream(what as u32);
        let quarter = |quarter: u32| {
            [0, 1].map(|axis| {
                let at = stream(Of::Quarters).uniform(u64::from(2 * quarter + axis));
                HALF_WIDTH * (2.0 * at - 1.0)
            })
        };
        let point = |what: Of, index: u32| {
            let rng = stream(what).stream(index);
            let [east, north] = quarter(rng.below(0, QUARTERS));
            let (angle, far) = (TAU * rng.uniform(1), SPREAD * rng.normal(2));
            [east + far * angle.cos(), north + far * angle.sin()]
        };
        let mut ranked: Vec<u32> = (0..PLACES).collect();
        ranked.sort_by_key(|&place| stream(Of::Ranks).at(place.into()));
        let mut log_popularity = vec![0.0; PLACES as usize];
        for (rank, place) in (1..).zip(ranked) {
            log_popularity[place as usize] = -ZIPF * (rank as f32).ln();
        }
        City {
            homes: (0..PEOPLE).map(|person| point(Of::People, person)).collect(),
            places: (0..PLACES).map(|place| point(Of::Places, place)).collect(),
            log_popularity,
            rng,
        }
    }

    fn of(&self, what: Of) -> Rng {
        self.rng.stream(what as u32)
    }

    pub fn places(&self) -> u32 {
        self.places.len() as u32
    }

    pub fn kind(&self, place: u32) -> &'static str {
        KINDS[place as usize % KINDS.len()]
    }

    /// From somebody's home to a place.
    pub fn kilometres(&self, person: u32, place: u32) -> f32 {
        let [from, to] = [self.homes[person as usize], self.places[place as usize]];
        (from[0] - to[0]).hypot(from[1] - to[1])
    }

    /// What somebody makes of a place, wherever it is.
    fn affinity(&self, person: u32, place: u32) -> f32 {
        let kinds = self.of(Of::Kinds).stream(person);
        let [own, other] = [
            self.of(Of::PeopleStyles).stream(person),
            self.of(Of::PlaceStyles).stream(place),
        ];
        let styles = (0..STYLES as u64).map(|at| own.normal(at) * other.normal(at));
        OF_KINDS * kinds.normal((place as usize % KINDS.len()) as u64) + OF_STYLES * styles.sum::<f32>()
    }

    /// The logarithm of what the choice is proportional to: popularity x exp(affinity) x exp(-km / RANGE). Ranking by it is the
    /// best that any model can do.
    pub fn score(&self, person: u32, place: u32) -> f32 {
        let far = self.kilometres(person, place) / RANGE;
        self.log_popularity[place as usize] + self.affinity(person, place) - far
    }

    /// Who was where.
    pub fn visits(&self) -> Result<Interactions> {
        let (mut people, mut chosen, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for person in 0..self.homes.len() as u32 {
            let scores = (0..self.places()).map(|place| (place, self.score(person, place)));
            let mut places = drawn(scores, self.of(Of::Choice).stream(person));
            let order = self.of(Of::Order).stream(person);
            places.truncate(((VISITS * (0.4 * order.normal(0)).exp()) as usize).max(5));
            // Their order in time is random.
            places.sort_by_key(|&place| order.at(u64::from(place) + 1));
            people.extend(places.iter().map(|_| person));
            times.extend(1..=places.len() as i64);
            chosen.extend(places);
        }
        let visits = Interactions::from_columns((PEOPLE, self.places()), &people, &chosen, &times)?;
        let titles = (0..self.places()).map(|place| format!("{} {place}", self.kind(place)));
        visits.with_titles(titles.collect())
    }
}
