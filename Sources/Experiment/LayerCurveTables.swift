import Checkpoint
package import Reporting
package import Selection
import Tensors

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
}
