/// One figure of a report: numbers and words, whoever draws them.
public struct Figure: Sendable, Equatable {
    public enum Content: Sendable, Equatable {
        case points(PointPlot)
        case heatMap(HeatMap)
    }

    /// Unique in a report; letters, digits and hyphens.
    public var id: String
    public var title: String
    /// What the reader sees, in a sentence or two.
    public var caption: String
    public var content: Content

    public init(id: String, title: String, caption: String = "", content: Content) {
        precondition(
            !id.isEmpty && id.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") },
            "a figure's id is \(id)")
        self.id = id
        self.title = title
        self.caption = caption
        self.content = content
    }
}

/// Series of points with error bars, or of curves.
public struct PointPlot: Sendable, Equatable {
    public struct Point: Sendable, Equatable {
        public var x: Double
        public var y: Double
        /// One standard error; 0 draws no bar.
        public var xError: Double
        public var yError: Double
        /// What the point is, for the figure's table.
        public var label: String

        public init(x: Double, y: Double, xError: Double = 0, yError: Double = 0, label: String = "") {
            self.x = x
            self.y = y
            self.xError = xError
            self.yError = yError
            self.label = label
        }
    }

    public struct Series: Sendable, Equatable {
        public var name: String
        public var points: [Point]
        /// Points are joined in their order.
        public var isJoined: Bool
        /// Colour and mark; series of the same style look alike in all figures.
        public var style: Int

        public init(name: String, points: [Point], isJoined: Bool = false, style: Int) {
            self.name = name
            self.points = points
            self.isJoined = isJoined
            self.style = style
        }
    }

    public var xLabel: String
    public var yLabel: String
    /// `nil`: from the data.
    public var xRange: ClosedRange<Double>?
    public var yRange: ClosedRange<Double>?
    /// Logarithmic axes; points at 0 or below are left out of the drawing.
    public var isXLogarithmic: Bool
    public var isYLogarithmic: Bool
    public var series: [Series]

    public init(
        xLabel: String, yLabel: String, xRange: ClosedRange<Double>? = nil, yRange: ClosedRange<Double>? = nil,
        isXLogarithmic: Bool = false, isYLogarithmic: Bool = false, series: [Series]
    ) {
        self.xLabel = xLabel
        self.yLabel = yLabel
        self.xRange = xRange
        self.yRange = yRange
        self.isXLogarithmic = isXLogarithmic
        self.isYLogarithmic = isYLogarithmic
        self.series = series
    }
}

/// A matrix of coloured cells; missing ones stay empty.
public struct HeatMap: Sendable, Equatable {
    public var xLabel: String
    public var yLabel: String
    public var columns: [String]
    /// The first row is drawn at the top.
    public var rows: [String]
    /// Rows of columns.
    public var values: [[Double?]]
    public var valueLabel: String
    /// Of the colours.
    public var range: ClosedRange<Double>
    /// Numbers stand in the cells.
    public var showsValues: Bool

    public init(
        xLabel: String, yLabel: String, columns: [String], rows: [String], values: [[Double?]], valueLabel: String,
        range: ClosedRange<Double>, showsValues: Bool
    ) {
        precondition(
            values.count == rows.count && values.allSatisfy { $0.count == columns.count },
            "a heat map of \(values.count) rows for \(rows.count) names")
        self.xLabel = xLabel
        self.yLabel = yLabel
        self.columns = columns
        self.rows = rows
        self.values = values
        self.valueLabel = valueLabel
        self.range = range
        self.showsValues = showsValues
    }
}

extension Figure {
    /// The same numbers as a table.
    public func table() -> Table {
        switch content {
        case .points(let plot):
            var table = Table([.init("series", .left), .init("point", .left), .init(plot.xLabel), .init(plot.yLabel)])
            func cell(_ value: Double, _ error: Double) -> String {
                error > 0 ? Format.estimate(value, error, decimals: 3) : Format.fixed(value, 3)
            }
            for series in plot.series {
                for point in series.points {
                    table.append([
                        series.name, point.label, cell(point.x, point.xError), cell(point.y, point.yError),
                    ])
                }
            }
            return table
        case .heatMap(let map):
            var table = Table([.init("\(map.yLabel) \\ \(map.xLabel)", .left)] + map.columns.map { .init($0) })
            for (name, row) in zip(map.rows, map.values) {
                table.append([name] + row.map { $0.map { Format.fixed($0, 3) } ?? "—" })
            }
            return table
        }
    }
}
