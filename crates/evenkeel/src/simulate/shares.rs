//! Who got how much, as a row of bars. Drawn for `table`.

use evenkeel_sim::Report;

/// What each endpoint had of all attempts.
pub(super) fn of(report: &Report) -> Vec<f64> {
    report.endpoints.iter().map(|endpoint| endpoint.share).collect()
}

/// A bar for each endpoint, as high as its share is of the largest that anybody had. If there are more endpoints than there is
/// room, a bar stands for several neighbours.
pub(super) fn picture(shares: &[f64], largest: f64, room: usize) -> String {
    let together = shares.len().div_ceil(room.max(1)).max(1);
    let mean = |shares: &[f64]| shares.iter().sum::<f64>() / shares.len() as f64;
    shares.chunks(together).map(|shares| bar(mean(shares) / largest)).collect()
}

/// Percentages, one after the other.
pub(super) fn figures(shares: &[f64]) -> String {
    let figure = |share: &f64| format!("{:.0}", share * 100.0);
    shares.iter().map(figure).collect::<Vec<_>>().join(" ")
}

fn bar(height: f64) -> char {
    if height <= 0.0 {
        return '·';
    }
    let eighths = (height * BARS.len() as f64).ceil() as usize;
    BARS[eighths.clamp(1, BARS.len()) - 1]
}

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_shares_and_nothing_is_not_little() {
        let shares = [0.5, 0.25, 0.24, 0.01, 0.0];
        assert_eq!(picture(&shares, 0.5, 10), "█▄▄▁·");
        assert_eq!(picture(&shares, 1.0, 10), "▄▂▂▁·");
        assert_eq!(figures(&shares), "50 25 24 1 0");
    }

    #[test]
    fn neighbours_share_a_bar_where_there_is_no_room() {
        let shares = [0.1; 100];
        assert_eq!(picture(&shares, 0.1, 25).chars().count(), 25);
        assert_eq!(picture(&shares, 0.1, 30).chars().count(), 25);
        assert_eq!(picture(&shares, 0.1, 0).chars().count(), 1);
    }
}
