import Checkpoint
package import Reporting
package import Selection
package import Tensors

/// Curves over layers, for people and for programs.
extension LayerCurves {
    /// The mean cosine of each kind of pairs and the gap between their angles, a row a place.
    package func table() -> Table {
        let kinds = Kind.allCases.map { Table.Column("cos \($0.rawValue)") }
        var table = Table([.init("place", .left), .init("block")] + kinds + [.init("angle gap, °")])
        for point in points {
            table.append(
                [point.place.description, "\(point.layer)"]
                    + Kind.allCases.map { Format.fixed(point.cosines[$0]!, 4) } + [Format.fixed(point.gap, 2)])
        }
        return table
    }

    /// `place,layer,pair,mean_cosine,angle`: a line a place and kind of pairs, in full precision.
    package func csv() -> String {
        var table = Table(["place", "layer", "pair", "mean_cosine", "angle"].map { Table.Column($0, .left) })
        for point in points {
            for kind in Kind.allCases {
                table.append([
                    point.place.description, "\(point.layer)", kind.rawValue, "\(point.cosines[kind]!)",
                    "\(point.angle(kind))",
                ])
            }
        }
        return table.csv()
    }

    /// How the pairs were drawn, and every place in full precision.
    package var json: JSON {
        let points = points.map { point in
            var members: [JSON.Member] = [
                .init("place", .text(point.place.description)), .init("layer", .integer(point.layer)),
            ]
            for (key, value) in [("mean_cosine", { point.cosines[$0]! }), ("angle", { point.angle($0) })]
                as [(String, (Kind) -> Double)]
            {
                members.append(.init(key, .object(Kind.allCases.map { .init($0.rawValue, .number(value($0))) })))
            }
            return JSON.object(members + [.init("gap", .number(point.gap))])
        }
        return .object([
            .init("pairs", .integer(pairs)), .init("seed", .text("\(seed)")), .init("points", .array(points)),
        ])
    }
}
