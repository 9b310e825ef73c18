use fastrand::Rng;
use proptest::prelude::*;

use super::*;

fn at(seconds: f64) -> Time {
    Time::START.after(Duration::from_secs_f64(seconds))
}

/// One that was there from the start, and one that joined after a second.
fn old(held: u32) -> Stand {
    Stand { weight: 1.0, is_spare: false, warmth: 1.0, held, has_room: true, joined: None }
}

fn new(held: u32) -> Stand {
    Stand { joined: Some(at(1.0)), ..old(held) }
}

fn settings() -> Settings {
    Settings { min_age: Duration::ZERO, ..Settings::default() }
}

/// How many a new mover moves at its first look.
fn first(stands: &[Stand]) -> usize {
    let mut rng = Rng::with_seed(7);
    Mover::default().look(&settings(), stands, 0, (at(100.0), &mut rng)).0.len()
}

#[test]
fn only_what_is_out_of_balance_for_a_newcomer_moves() {
    let cold = Stand { warmth: 0.1, ..new(3) };
    let full = Stand { has_room: false, ..new(0) };
    let out = Stand { weight: 0.0, ..new(0) };
    let light = Stand { weight: 0.25, ..new(8) };
    let mut many = vec![old(9); 20];
    many.push(new(0));
    let spare = Stand { weight: 0.0, is_spare: true, has_room: false, ..old(40) };
    let rows: [(&str, &[Stand], usize); 15] = [
        ("nobody", &[], 0),
        ("one", &[old(40)], 0),
        ("a newcomer", &[old(40), new(0)], 1),
        ("several", &[old(20), old(20), new(0)], 1),
        ("many who have not one too many each", &many, 1),
        ("nobody joined", &[old(40), old(0)], 0),
        ("balanced", &[old(20), new(20)], 0),
        ("within the margin", &[old(21), new(19)], 0),
        ("the newcomer has more", &[old(0), new(40)], 0),
        ("it is warming up, and has its part", &[old(37), cold], 0),
        ("it is full", &[old(40), full], 0),
        ("it gets nothing", &[old(40), out], 0),
        ("it has its share by weight", &[old(32), light], 0),
        ("it comes back, and a backup has all", &[new(0), spare], 1),
        ("nobody comes back", &[old(0), spare], 0),
    ];
    for (name, stands, expected) in rows {
        assert_eq!(first(stands), expected, "{name}");
    }
}

#[test]
fn what_moves_began_before_the_newcomer_joined_and_has_its_age() {
    let stands = [old(40), new(0)];
    let look = |min_age, now| {
        let settings = Settings { min_age: Duration::from_secs(min_age), ..settings() };
        let mut rng = Rng::with_seed(7);
        Mover::default().look(&settings, &stands, 0, (at(now), &mut rng)).0
    };
    assert_eq!(look(0, 100.0), [Move { position: 0, before: at(1.0) }]);
    assert_eq!(look(60, 60.5), [Move { position: 0, before: at(0.5) }]);
}

#[test]
fn who_is_on_the_way_is_not_forgotten() {
    let (mut mover, mut rng) = (Mover::default(), Rng::with_seed(7));
    let settings = Settings { pace: 1000.0, ..settings() };
    let mut look = |held, done, now| {
        let stands = [old(held), new(0)];
        mover.look(&settings, &stands, done, (at(now), &mut rng))
    };
    // Nobody has come back yet.
    let mut held = 40;
    let mut done = 0;
    let mut said = Vec::new();
    for step in 0..40 {
        let (moves, news) = look(held, done, 10.0 + f64::from(step) / 4.0);
        done = moves.len() as u32;
        held -= done;
        said.extend(news);
    }
    assert_eq!((held, said), (20, vec![News::Begun]));
}

#[test]
fn when_everybody_has_a_share_it_is_over_for_those_who_joined() {
    let (mut mover, mut rng) = (Mover::default(), Rng::with_seed(7));
    let mut look = |stands: &[Stand], done, now| {
        let (moves, news) = mover.look(&settings(), stands, done, (at(now), &mut rng));
        (moves.len(), news)
    };
    assert_eq!(look(&[old(3), new(0)], 0, 10.0), (1, None));
    assert_eq!(look(&[old(2), new(1)], 1, 10.25), (0, Some(News::Done { moved: 1 })));
    assert_eq!(look(&[old(40), new(0)], 0, 20.0), (0, None), "what comes later had the choice");
    let again = Stand { joined: Some(at(15.0)), ..new(0) };
    assert_eq!(look(&[old(40), again], 0, 20.0), (1, None), "unless it joins again");
}

#[test]
fn clients_that_come_back_to_where_they_were_are_let_be() {
    let (mut mover, mut rng) = (Mover::default(), Rng::with_seed(7));
    let (mut done, mut moved, mut said) = (0, 0, Vec::new());
    for step in 0..4_000 {
        let now = (at(10.0 + f64::from(step) / 4.0), &mut rng);
        let (moves, news) = mover.look(&settings(), &[old(40), new(0)], done, now);
        done = moves.len() as u32;
        moved += done;
        said.extend(news);
    }
    assert_eq!((moved, said), (40, vec![News::Begun, News::Done { moved: 40 }]));
}

#[test]
fn streams_that_cannot_move_are_let_be_without_a_word() {
    let (mut mover, mut rng) = (Mover::default(), Rng::with_seed(7));
    let mut last = 0;
    for step in 0..400 {
        let now = (at(10.0 + f64::from(step)), &mut rng);
        let (moves, news) = mover.look(&settings(), &[old(40), new(0)], 0, now);
        assert_eq!(news, None);
        last = if moves.is_empty() { last } else { step };
    }
    assert!((50..70).contains(&last), "{last}");
}

/// Carries out all that is decided, at looks four times a second from `from` on; clients come back at once, to the last of `stands`.
fn play(mover: &mut Mover, settings: &Settings, stands: &mut [Stand], looks: (u32, f64)) -> u32 {
    let (count, from) = looks;
    let (mut rng, mut done, mut moved) = (Rng::with_seed(7), 0, 0);
    for look in 0..count {
        let now = at(from + f64::from(look) / 4.0);
        let (moves, _) = mover.look(settings, stands, done, (now, &mut rng));
        done = moves.len() as u32;
        moved += done;
        for Move { position, .. } in moves {
            stands[position].held -= 1;
            stands.last_mut().unwrap().held += 1;
        }
    }
    moved
}

/// Those who joined while streams moved for another had to do with what was left of the bound for that one.
#[test]
fn endpoints_that_join_one_after_the_other_all_get_their_shares() {
    let settings = Settings { pace: 40.0, ..settings() };
    let (mut mover, mut rng) = (Mover::default(), Rng::with_seed(7));
    let mut held = [100_u32, 100, 0, 0, 0, 0];
    let mut done = 0;
    for look in 0..200_u32 {
        let passed = f64::from(look) / 4.0;
        let stand = |(position, &held): (usize, &u32)| {
            let joined = (position > 1).then(|| at(1.0 + position as f64));
            let is_there = joined.is_none_or(|joined| joined <= at(3.0 + passed));
            let weight = if is_there { 1.0 } else { 0.0 };
            Stand { weight, joined: joined.filter(|_| is_there), ..old(held) }
        };
        let stands: Vec<Stand> = held.iter().enumerate().map(stand).collect();
        let (moves, _) = mover.look(&settings, &stands, done, (at(3.0 + passed), &mut rng));
        done = moves.len() as u32;
        for Move { position, .. } in moves {
            held[position] -= 1;
            let there = stands.iter().enumerate().filter(|(_, stand)| stand.weight > 0.0);
            let least = there.min_by_key(|(position, _)| held[*position]).unwrap().0;
            held[least] += 1;
        }
    }
    assert!(held.iter().all(|held| (32..=35).contains(held)), "{held:?}");
}

/// It was over for a newcomer, and then began again with a bound of its own, each time that it refused a connection.
#[test]
fn a_newcomer_that_is_away_for_a_moment_is_waited_for() {
    let (mut mover, mut rng) = (Mover::default(), Rng::with_seed(7));
    let away = Stand { weight: 0.0, has_room: false, ..new(1) };
    let mut look = |stands: &[Stand], done, now| {
        let (moves, news) = mover.look(&settings(), stands, done, (at(now), &mut rng));
        (moves.len(), news)
    };
    assert_eq!(look(&[old(40), new(0)], 0, 10.0), (1, None));
    assert_eq!(look(&[old(39), new(1)], 1, 10.25), (0, Some(News::Begun)));
    assert_eq!(look(&[old(39), away], 0, 10.5), (0, None));
    assert_eq!(look(&[], 0, 10.75), (0, None), "all are out of shape");
    assert_eq!(look(&[old(39), new(1)], 0, 20.0), (1, None));
    assert_eq!(look(&[old(39), away], 1, 20.25), (0, None));
    assert_eq!(look(&[old(39), away], 0, 200.0), (0, Some(News::Done { moved: 2 })));
}

#[test]
fn a_slow_pace_goes_on() {
    let settings = Settings { pace: 0.005, ..settings() };
    let mut stands = [old(10), new(0)];
    let moved = play(&mut Mover::default(), &settings, &mut stands, (4 * 2_000, 10.0));
    assert_eq!(moved, 5);
}

/// After five minutes in which all of us were stopped, hundreds moved at once.
#[test]
fn what_the_pace_would_have_let_move_is_not_made_up_for() {
    let (mut mover, mut rng) = (Mover::default(), Rng::with_seed(7));
    let mut look = |now| mover.look(&settings(), &[old(400), new(0)], 0, (at(now), &mut rng)).0;
    assert_eq!(look(10.0).len(), 1);
    assert_eq!(look(10.25).len(), 0);
    assert_eq!(look(40.0).len(), 1);
}

/// A cluster whose clients come back after a while, each to whoever has least for its weight.
struct Model {
    /// Of each endpoint: its weight, its streams that are old enough, and all.
    endpoints: Vec<(f64, u32, u32)>,
    /// When clients come back.
    away: Vec<f64>,
}

impl Model {
    fn stands(&self, newcomers: usize) -> Vec<Stand> {
        let joined = |position: usize| (position < newcomers).then(|| at(1.0));
        let stand = |(position, &(weight, _, held)): (usize, &(f64, u32, u32))| Stand {
            weight,
            joined: joined(position),
            ..old(held)
        };
        self.endpoints.iter().enumerate().map(stand).collect()
    }

    /// Carries out what can be. Returns how many that were.
    fn carry_out(&mut self, moves: &[Move], back: f64) -> u32 {
        let mut done = 0;
        for Move { position, .. } in moves {
            let (_, movable, held) = &mut self.endpoints[*position];
            if *movable > 0 {
                (*movable, *held, done) = (*movable - 1, *held - 1, done + 1);
                self.away.push(back);
            }
        }
        done
    }

    fn come_back(&mut self, now: f64) {
        let all = self.away.len();
        self.away.retain(|back| *back > now);
        for _ in self.away.len()..all {
            let load = |endpoint: &(f64, u32, u32)| f64::from(endpoint.2 + 1) / endpoint.0;
            let least = self.endpoints.iter_mut().min_by(|a, b| load(a).total_cmp(&load(b)));
            least.unwrap().2 += 1;
        }
    }
}

proptest! {
    #[test]
    fn it_comes_to_shares_and_stops_and_never_goes_faster_than_the_pace(
        weights in prop::collection::vec(1..4_u32, 2..6),
        streams in 0..60_u32,
        newcomers in 1..3_usize,
        pace in 1..40_u32,
        delay in 0..20_u32,
        seed: u64,
    ) {
        let mut rng = Rng::with_seed(seed);
        let newcomers = newcomers.min(weights.len() - 1);
        let endpoint = |(position, &weight): (usize, &u32)| {
            let held = if position < newcomers { 0 } else { streams * weight };
            (f64::from(weight), held, held)
        };
        let endpoints = weights.iter().enumerate().map(endpoint).collect();
        let mut model = Model { endpoints, away: Vec::new() };
        let settings = Settings { pace: f64::from(pace), margin: 0.1, ..settings() };
        let (mut mover, mut done, mut all, mut last) = (Mover::default(), 0, 0, 0.0);
        for look in 0..6_000 {
            let passed = f64::from(look) / 4.0;
            model.come_back(passed);
            let stands = model.stands(newcomers);
            let now = at(10.0 + passed);
            let (moves, _) = mover.look(&settings, &stands, done, (now, &mut rng));
            all += moves.len();
            if !moves.is_empty() {
                last = passed;
            }
            prop_assert!(all as f64 <= 1.0 + settings.pace * passed + 1e-6, "{all} in {passed} s");
            done = model.carry_out(&moves, passed + f64::from(delay) * rng.f64());
        }
        prop_assert!(last < 600.0, "it still moves after {last} s");
        let streams: u32 = model.endpoints.iter().map(|endpoint| endpoint.2).sum();
        let weights: f64 = model.endpoints.iter().map(|endpoint| endpoint.0).sum();
        for (weight, _, held) in &model.endpoints[..newcomers] {
            let share = f64::from(streams) * weight / weights;
            let slack = (share * settings.margin).max(1.0) + 1.0;
            let distance = (f64::from(*held) - share).abs();
            prop_assert!(distance <= slack, "{held} of {share}: {:?}", model.endpoints);
        }
    }
}
