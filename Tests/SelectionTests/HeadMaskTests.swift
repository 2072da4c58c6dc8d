import Checkpoint
import Selection
import TestSupport
import Testing

@Suite struct HeadMaskTests {
    /// Two query heads of width two over one key head: columns of o belong to query heads.
    let config = MatrixModel(layers: 2).config

    @Test func columnsOfTheHeadAlone() throws {
        let mask = try HeadMask.mask(of: [3], in: config)
        #expect(mask.maps.map(\.shape.name) == (0..<2).map { LinearMap.o.weightName(layer: $0) })
        #expect(mask.maps[0].bits.count == 0)
        let map = mask.maps[1]
        #expect(map.shape.rows == 4 && map.shape.columns == 4)
        for row in 0..<4 { for column in 0..<4 { #expect(map.bits[row * 4 + column] == (column >= 2)) } }
        #expect(mask.count == 8)
    }

    @Test func allHeadsAreTheWholeProjection() throws {
        #expect(try HeadMask.mask(of: 0..<4, in: config).sparsity == 1)
        #expect(try HeadMask.mask(of: [], in: config).count == 0)
    }

    @Test func beyondTheModel() {
        #expect(throws: SelectionError.tooMany(map: "attention heads", wanted: 5, available: 4)) {
            try HeadMask.mask(of: [4], in: config)
        }
    }
}
