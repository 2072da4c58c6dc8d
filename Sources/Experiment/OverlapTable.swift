import Checkpoint
package import Reporting
package import Selection
import Tensors

/// Overlap per linear map, for people and for programs.
package struct OverlapTable {
    package var measure: String
    package var files: [String]
    package var rank: RankAmount?
    package var values: [Overlap.Value]
    /// Which model both sides belong to, and what was forced.
    package var origin: [String: String] = [:]

    package init(measure: String, files: [String], rank: RankAmount? = nil, values: [Overlap.Value]) {
        self.measure = measure
        self.files = files
        self.rank = rank
        self.values = values
    }

    /// The paper's 100 where it means the same for every map, else the share that 100 is of its model's 4,096.
    package static func standardRank(_ maps: [WeightShape]) -> RankAmount {
        let ranks = Set(maps.map(\.rank))
        return ranks.count == 1 && ranks.first! > 100 ? .count(100) : .percent(2.5)
    }

    /// Layer and kind of a weight's name, `(3, "mlp.down_proj")`.
    package static func place(_ weight: String) -> (layer: Int, kind: String) {
        for layer in LinearMap.allCases {
            let parts = weight.split(separator: ".")
            guard parts.count > 2, let number = Int(parts[2]), layer.weightName(layer: number) == weight else {
                continue
            }
            return (number, layer.rawValue)
        }
        return (0, weight)
    }

    /// Mean, least and most over the layers, for every kind of map.
    package func table() -> Table {
        var table = Table([
            .init("map", .left), .init("mean \(measure)"), .init("least"), .init("most"), .init("layers"),
        ])
        var kinds: [String] = []
        var groups: [String: [Double]] = [:]
        for value in values {
            let kind = Self.place(value.map).kind
            if groups[kind] == nil { kinds.append(kind) }
            groups[kind, default: []].append(value.value)
        }
        for kind in LinearMap.allCases.map(\.rawValue).filter(kinds.contains)
            + kinds.filter({ kind in !LinearMap.allCases.contains { $0.rawValue == kind } })
        {
            let all = groups[kind]!
            table.append([
                kind, Format.fixed(all.reduce(0, +) / Double(all.count), 4), Format.fixed(all.min()!, 4),
                Format.fixed(all.max()!, 4), "\(all.count)",
            ])
        }
        return table
    }

    /// `layer,map,weight,measure,value,size_a,size_b`
    package func csv() -> String {
        var table = Table(
            ["layer", "map", "weight", "measure", "value", "size_a", "size_b"].map { Table.Column($0, .left) })
        for value in values {
            let (layer, kind) = Self.place(value.map)
            table.append(
                ["\(layer)", kind, value.map, measure, "\(value.value)", "\(value.sizes[0])", "\(value.sizes[1])"])
        }
        return table.csv()
    }

    package func json() -> String {
        var members: [JSON.Member] = [
            .init("measure", .text(measure)), .init("files", .array(files.map { .text($0) })),
        ]
        if let rank { members.append(.init("rank", .text(rank.text))) }
        members += origin.sorted { $0.key < $1.key }.map { .init($0.key, .text($0.value)) }
        members.append(
            .init(
                "maps",
                .array(
                    values.map { value in
                        let (layer, kind) = Self.place(value.map)
                        return .object([
                            .init("layer", .integer(layer)), .init("map", .text(kind)),
                            .init("weight", .text(value.map)), .init("value", .number(value.value)),
                            .init("sizes", .array(value.sizes.map { .integer($0) })),
                        ])
                    })))
        return String(decoding: JSON.object(members).encoded(indent: true), as: UTF8.self) + "\n"
    }
}
