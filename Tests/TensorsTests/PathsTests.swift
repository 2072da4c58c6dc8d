import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct PathsTests {
    @Test func relativePathsBeginInTheFolder() {
        #expect(Paths.resolve("a.txt", in: ".") == "a.txt")
        #expect(Paths.resolve("a.txt", in: "x/") == "x/a.txt")
        #expect(Paths.resolve("/a.txt", in: "x") == "/a.txt")
        #expect(Paths.resolve("a.txt", in: "/") == "/a.txt")
        // A folder that is not there: nobody knows what is above it.
        #expect(Paths.resolve("../a.txt", in: "nowhere") == "nowhere/../a.txt")
        #expect(Paths.resolve("../a.txt", in: "..") == "../../a.txt")
    }

    @Test func theFolderAboveIsShownAsSuch() throws {
        let scratch = TemporaryFolder()
        let root = scratch.path
        try FileManager.default.createDirectory(atPath: "\(root)/a/b", withIntermediateDirectories: true)
        for folder in ["a/b", "a/b/", "a/b//"] {
            #expect(Paths.resolve("../c.txt", in: "\(root)/\(folder)") == "\(root)/a/c.txt")
            #expect(Paths.resolve("../../c.txt", in: "\(root)/\(folder)") == "\(root)/c.txt")
        }
        // Behind a link, the folder above is another one.
        try FileManager.default.createSymbolicLink(atPath: "\(root)/link", withDestinationPath: "a/b")
        #expect(Paths.resolve("../c.txt", in: "\(root)/link") == "\(root)/link/../c.txt")
    }
}
