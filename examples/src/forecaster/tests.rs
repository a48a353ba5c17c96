use std::fs;

use refrain_data::StandardScaler;

use super::*;

fn forecaster(columns: &[&str], season: usize, horizon: usize) -> Forecaster {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let features = columns.len() + usize::from(season > 0);
    let scale = Tensor::from_vec((0..features).map(|k| 1.0 + k as f32).collect(), [features]).unwrap();
    let mean = Tensor::zeros([features]).unwrap();
    let plan = Plan {
        columns: columns.iter().map(|&name| name.to_owned()).collect(),
        unit: "°C".to_owned(),
        minutes: Some(60),
        window: season + 5,
        horizon,
        season,
        scaler: StandardScaler::from_parameters(&mean, &scale).unwrap(),
        bands: (0..horizon).map(|k| [-(k as f64), k as f64]).collect(),
    };
    Forecaster { plan, network: Network::new(features, 12, horizon, &mut rng).unwrap() }
}

fn rows(count: usize, width: usize) -> Vec<f32> {
    (0..count * width).map(|k| ((k * k) as f32 * 0.37).sin() + k as f32 * 0.01).collect()
}

#[test]
fn the_first_live_forecast_is_that_of_the_window() {
    for (columns, season, horizon) in
        [(&["t"][..], 0, 3), (&["t"], 4, 3), (&["t", "wind"], 4, 9), (&["a", "b", "c"], 1, 2)]
    {
        let forecaster = forecaster(columns, season, horizon);
        let (window, width) = (forecaster.plan.window, columns.len());
        let rows = rows(window, width);
        let expected = forecaster.forecast(&rows).unwrap();
        let mut live = forecaster.live().unwrap();
        let mut found = None;
        for (place, row) in rows.chunks_exact(width).enumerate() {
            found = live.push(row).unwrap().map(<[f64]>::to_vec);
            assert_eq!(found.is_some(), place + 1 == window, "{columns:?} row {place}");
        }
        for (found, expected) in found.unwrap().iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-5, "{columns:?}: {found} {expected}");
        }
    }
}

#[test]
fn the_base_is_the_same_place_of_the_season_before() {
    // With a season of 4: one step ahead is 3 rows back, four steps ahead is the last row, five
    // steps ahead is 3 rows back again.
    let found: Vec<usize> = (1..=9).map(|step| Plan::base(4, step)).collect();
    assert_eq!(found, [3, 2, 1, 0, 3, 2, 1, 0, 3]);
    assert_eq!(Plan::base(0, 5), 0);
    // A network of zeros foretells the base itself.
    let mut forecaster = forecaster(&["t"], 4, 5);
    let head = &mut forecaster.network.head;
    head.weight.as_mut_slice().fill(0.0);
    head.bias.as_mut().unwrap().as_mut_slice().fill(0.0);
    let rows: Vec<f32> = (0..9).map(|k| k as f32).collect();
    assert_eq!(forecaster.forecast(&rows).unwrap(), [5.0, 6.0, 7.0, 8.0, 5.0]);
    let message = forecaster.forecast(&rows[..8]).unwrap_err().to_string();
    assert_eq!(message, "8 rows are too few; a forecast is made from 9");
}

#[test]
fn a_file_brings_back_the_same_forecaster_and_nothing_else() {
    let folder = std::env::temp_dir().join(format!("refrain-forecaster-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("model.safetensors");
    let saved = forecaster(&["t", "wind, m/s"], 4, 3);
    saved.save(&path).unwrap();
    let loaded = Forecaster::load(&path).unwrap();
    assert_eq!(loaded.plan, saved.plan);
    let rows = rows(9, 2);
    assert_eq!(loaded.forecast(&rows).unwrap(), saved.forecast(&rows).unwrap());

    let fail = |path: &Path| {
        let message = Forecaster::load(path).unwrap_err().to_string();
        assert!(message.contains(&path.display().to_string()), "{message}");
        assert!(message.ends_with(MAKE_ONE), "{message}");
        message
    };
    assert!(fail(&folder.join("none")).starts_with("cannot read "));
    let bytes = fs::read(&path).unwrap();
    let other = folder.join("other.safetensors");
    for damaged in
        [&[][..], &bytes[..20], &bytes[..bytes.len() / 2], &bytes[..bytes.len() - 1], b"date,temp\n1,2\n"]
    {
        fs::write(&other, damaged).unwrap();
        fail(&other);
    }
    let mut flipped = bytes.clone();
    let middle = bytes.len() * 3 / 4;
    flipped[middle] ^= 1;
    fs::write(&other, flipped).unwrap();
    assert!(fail(&other).contains("damaged"));
    Checkpoint::new("something else", &saved.network).save(&other).unwrap();
    assert!(fail(&other).contains("this is a model of kind \"something else\""));
    Checkpoint::new(KIND, &saved.network).save(&other).unwrap();
    assert!(fail(&other).contains("has no entry \"window\""));
    // Sizes that contradict each other are refused before anything is made of them.
    for change in [
        |plan: &mut Plan| plan.window = usize::MAX,
        |plan: &mut Plan| plan.season = 100,
        |plan: &mut Plan| plan.horizon = 4,
        |plan: &mut Plan| plan.columns.truncate(1),
        |plan: &mut Plan| plan.columns.clear(),
    ] {
        let mut odd = saved.clone();
        change(&mut odd.plan);
        odd.save(&other).unwrap();
        assert!(fail(&other).contains("do not fit each other"));
    }
    fs::remove_dir_all(&folder).unwrap();
}
