/// All methods of conditions. A new one is a file beside this one and its line here.
///
/// A method is a value that is read from the study file and says all that the program asks of it: its keys, title, family,
/// place in a grid, what it needs, what it refuses, and how its model comes about (`Making`). It is a value of the study file
/// and knows neither runs nor fleets: `Making` describes the model, and the run carries that out the same way for every
/// method. What a description computes with comes in `EditInputs`.
package enum ConditionMethods {
    /// Errors list the keys in this order.
    package static let all: [any ConditionMethod.Type] = [
        UneditedMethod.self, SetDifferenceMethod.self, RankedMethod.self, RandomLikeMethod.self, HeadsMethod.self,
        FineTuneMethod.self, LowRankMethod.self, SteeringMethod.self,
        DirectionMethod.self,
        LandscapeMethod.self, MergeMethod.self, DeltaMethod.self, TaskVectorMethod.self, SafePatchingMethod.self,
        UnitsMethod.self, ScaleMethod.self,
        SafeLoRAMethod.self, AntidoteMethod.self,
        DefenceMethod.self,
        ScansMethod.self,
    ]

    static var keys: [String] { all.flatMap { $0.keys } }

    /// The method that a key of the study file stands for.
    static func named(_ key: String) -> (any ConditionMethod.Type)? { all.first { $0.keys.contains(key) } }
}
