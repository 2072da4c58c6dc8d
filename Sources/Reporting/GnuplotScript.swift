/// Figures as scripts for gnuplot 5 (SVG terminal).
///
/// Words go in single quotes, where gnuplot runs no commands; numbers go in data blocks.
public enum GnuplotScript {
    /// Colours that stand out from white and from near-black alike (contrast at least 3), each with a mark of its own.
    static let styles: [(colour: String, mark: Int)] = [
        ("#808890", 2), ("#3b82c4", 7), ("#d55e00", 9), ("#1f9e72", 5), ("#b565a7", 13), ("#a97a1f", 11),
        ("#d1495b", 4), ("#2a9292", 8), ("#7a6bd0", 6), ("#6b8e23", 10), ("#9a6a4f", 12),
    ]

    /// More styles than colours: the next round has the same colours with other marks.
    static func look(_ style: Int) -> (colour: String, mark: Int) {
        let round = style / styles.count
        return (styles[style % styles.count].colour, styles[(style + 4 * round) % styles.count].mark)
    }

    public static func script(_ figure: Figure) -> String {
        switch figure.content {
        case .points(let plot): points(plot)
        case .heatMap(let map): heatMap(map)
        }
    }

    private static func head(width: Int, height: Int) -> String {
        """
        set terminal svg size \(width),\(height) dynamic font 'sans-serif,13' noenhanced
        set encoding utf8
        set border linewidth 0.8
        set tics nomirror out scale 0.6

        """
    }

    /// A text in single quotes, on one line.
    static func quoted(_ text: String) -> String {
        let line = text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : String($0) }.joined()
        return "'" + line.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }

    private static func points(_ plot: PointPlot) -> String {
        let series = plot.series.map { drawable($0, of: plot) }.filter { !$0.points.isEmpty }
        let keyRows = (series.count + 1) / 2
        var text = head(width: 480, height: 330 + 20 * keyRows)
        text +=
            "set key bmargin center horizontal Left reverse samplen 1.2 width -6 maxcols 2 font ',12'\n"
        text +=
            "set grid linewidth 0.5\nset xlabel \(quoted(plot.xLabel)) offset 0,0.6\nset ylabel \(quoted(plot.yLabel))\n"
        if plot.isXLogarithmic { text += "set logscale x\n" + decadeTics(series) }
        if plot.isYLogarithmic { text += "set logscale y\n" }
        guard !series.isEmpty else {
            // An axis without points has no range of its own, and gnuplot refuses to guess one.
            text += range("x", plot.xRange ?? 1...10) + range("y", plot.yRange ?? 1...10)
            return text + "set label 'no data' at graph 0.5, 0.5 center\nplot NaN notitle\n"
        }
        text += range("x", plot.xRange ?? (plot.isXLogarithmic ? nil : padded(series, \.x, \.xError)))
        text += range("y", plot.yRange ?? (plot.isYLogarithmic ? nil : padded(series, \.y, \.yError)))
        for (number, one) in series.enumerated() {
            text += "$d\(number) << EOD\n"
            for point in one.points { text += "\(point.x) \(point.y) \(point.xError) \(point.yError)\n" }
            text += "EOD\n"
        }
        let parts = series.enumerated().map { number, one in
            let (colour, mark) = look(one.style)
            let hasBars = one.points.contains { $0.xError > 0 || $0.yError > 0 }
            let bars =
                "$d\(number) using 1:2:3:4 with xyerrorbars linecolor rgb '\(colour)' linewidth 0.7 pointtype \(mark) pointsize 0 notitle, "
            return (hasBars ? bars : "")
                + "$d\(number) using 1:2 with \(one.isJoined ? "linespoints" : "points") linecolor rgb '\(colour)' linewidth 1.2 pointtype \(mark) pointsize \(one.style == 0 ? 1.1 : 0.65) title \(quoted(one.name))"
        }
        return text + "set errorbars small\nplot " + parts.joined(separator: ", ") + "\n"
    }

    /// The points that have a place on the plot's axes, with bars that end there too.
    private static func drawable(_ series: PointPlot.Series, of plot: PointPlot) -> PointPlot.Series {
        var series = series
        series.points.removeAll { point in
            !point.x.isFinite || !point.y.isFinite || (plot.isXLogarithmic && point.x <= 0)
                || (plot.isYLogarithmic && point.y <= 0)
        }
        for index in series.points.indices {
            let point = series.points[index]
            if plot.isXLogarithmic { series.points[index].xError = min(point.xError, 0.9 * point.x) }
            if plot.isYLogarithmic { series.points[index].yError = min(point.yError, 0.9 * point.y) }
        }
        return series
    }

    /// 1, 2 and 5 of every decade: gnuplot's own would be one or two numbers on a short axis. Over four decades its are fine.
    private static func decadeTics(_ series: [PointPlot.Series]) -> String {
        let values = series.flatMap(\.points).map(\.x)
        guard let least = values.min(), let most = values.max(), most < 10_000 * least else { return "" }
        var tics: [String] = []
        for exponent in -9...9 {
            let (power, decimals) = ((0..<abs(exponent)).reduce(1.0) { product, _ in product * 10 }, max(0, -exponent))
            for digit in [1.0, 2, 5] {
                let value = exponent < 0 ? digit / power : digit * power
                guard value >= least / 5, value <= most * 5 else { continue }
                let text = Format.fixed(value, decimals)
                tics.append("'\(text)' \(text)")
            }
        }
        return "set xtics (\(tics.joined(separator: ", ")))\n"
    }

    private static func range(_ axis: String, _ range: ClosedRange<Double>?) -> String {
        range.map { "set \(axis)range [\($0.lowerBound):\($0.upperBound)]\n" } ?? ""
    }

    /// All points with their bars, and a little room around; never empty.
    private static func padded(
        _ series: [PointPlot.Series], _ value: KeyPath<PointPlot.Point, Double>,
        _ error: KeyPath<PointPlot.Point, Double>
    ) -> ClosedRange<Double>? {
        let points = series.flatMap(\.points)
        guard let least = points.map({ $0[keyPath: value] - $0[keyPath: error] }).min(),
            let most = points.map({ $0[keyPath: value] + $0[keyPath: error] }).max()
        else { return nil }
        let room = max((most - least) * 0.06, abs(most) * 0.01, 1e-6)
        return least - room...most + room
    }

    private static func heatMap(_ map: HeatMap) -> String {
        let perRow = map.rows.count > 12 ? 14 : 30
        var text = head(width: 480, height: min(520, 110 + max(120, perRow * map.rows.count)))
        text += """
            set palette maxcolors 64
            set palette defined (0 '#440154', 0.25 '#3b528b', 0.5 '#21918c', 0.75 '#5ec962', 1 '#fde725')
            set cbrange [\(map.range.lowerBound):\(map.range.upperBound)]
            set cblabel \(quoted(map.valueLabel)) offset 0.5
            set rmargin 7
            set lmargin \(max(7, 2 + (map.rows.map(\.count).max() ?? 0)))
            set xlabel \(quoted(map.xLabel))
            set ylabel \(quoted(map.yLabel))
            set xrange [-0.5:\(Double(map.columns.count) - 0.5)]
            set yrange [\(Double(map.rows.count) - 0.5):-0.5]
            set xtics (\(tics(map.columns, most: 10)))
            set ytics (\(tics(map.rows, most: 12)))

            """
        var cells: [(x: Int, y: Int, value: Double)] = []
        for (y, row) in map.values.enumerated() {
            for (x, value) in row.enumerated() {
                if let value, value.isFinite { cells.append((x, y, value)) }
            }
        }
        guard !cells.isEmpty else { return text + "set label 'no data' at graph 0.5, 0.5 center\nplot NaN notitle\n" }
        if map.showsValues {
            let (low, high) = (map.range.lowerBound, map.range.upperBound)
            for cell in cells {
                // Dark words on the light end of the colours.
                let isLight = high > low && (cell.value - low) / (high - low) > 0.55
                text +=
                    "set label '\(Format.fixed(cell.value, 2))' at \(cell.x), \(cell.y) center front textcolor rgb '\(isLight ? "#101010" : "#f8f8f8")'\n"
            }
        }
        text += "$d << EOD\n" + cells.map { "\($0.x) \($0.y) \($0.value)\n" }.joined() + "EOD\n"
        return text
            + "plot $d using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):3 with boxxyerror linecolor palette linewidth 0.3 fillstyle solid 1 noborder notitle\n"
    }

    /// Every n-th name, so that at most `most` stand at an axis.
    private static func tics(_ names: [String], most: Int) -> String {
        let step = max(1, (names.count + most - 1) / most)
        return stride(from: 0, to: names.count, by: step).map { "\(quoted(names[$0])) \($0)" }.joined(separator: ", ")
    }
}
