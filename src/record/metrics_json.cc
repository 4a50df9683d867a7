#include "src/record/metrics_json.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <tuple>

namespace llmload {

using record::IsOf;
using record::Json;
using record::JsonReader;
using record::JsonWriter;

// [[index, count], ...]
template <class Cell>
static Json WriteCells(const std::vector<Cell>& cells) {
  Json list = Json::array();
  for (const Cell& cell : cells) list.push_back(Json::array({cell.index, cell.count}));
  return list;
}

// What the histogram says, for readers of the file. `figure` says in which unit, and the names of
// the members say so, too.
static void AddDerived(const Distribution& values, Figure figure, Json& json) {
  const std::string unit = InfoOf(figure).unit == FigureUnit::kTime ? "_seconds" : "_tokens";
  const auto number = [figure](const std::optional<Duration>& value) {
    return value ? Json(InUnitOf(figure, *value)) : Json(nullptr);
  };
  json["mean" + unit] = MeanInUnitOf(figure, values.mean());
  json["min" + unit] = number(values.min());
  json["max" + unit] = number(values.max());
  for (const NamedQuantile& row : kQuantiles) {
    const QuantileBounds bounds = values.BoundsAtQuantile(row.quantile);
    json[std::string(row.name)] = {{"value" + unit, number(bounds.value)},
                                   {"lower" + unit, number(bounds.lower)},
                                   {"upper" + unit, number(bounds.upper)}};
  }
}

// Without a figure, nothing that is derived.
static Json WriteDistribution(const Distribution& values, std::optional<Figure> figure) {
  Json json{{"count", values.count()}};
  if (values.empty()) return json;
  if (figure) AddDerived(values, *figure, json);
  const Distribution::Parts& parts = values.parts();
  json["histogram"] = {
      {"overflow", parts.overflow},           {"negative", parts.negative},
      {"sum_nanoseconds", parts.sum},         {"min_nanoseconds", parts.min.count()},
      {"max_nanoseconds", parts.max.count()}, {"cells", WriteCells(parts.cells)}};
  return json;
}

Json WriteForm(const Distribution& values) {
  return WriteDistribution(values, Figure::kServiceLatency);
}

template <class Cell>
static void ReadCells(const Json& json, const std::string& place, std::vector<Cell>& cells) {
  cells.clear();
  if (!json.is_array()) JsonReader::Refuse(place, json, "an array");
  cells.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string at = place + "[" + std::to_string(i) + "]";
    if (!json[i].is_array() || json[i].size() != 2) {
      JsonReader::Refuse(at, json[i], "a pair of index and count");
    }
    Cell& cell = cells.emplace_back();
    JsonReader::Read(json[i][0], at + "[0]", cell.index);
    JsonReader::Read(json[i][1], at + "[1]", cell.count);
  }
}

static void ReadSeriesCells(const Json& json, const std::string& place,
                            std::vector<SeriesCell>& cells) {
  ReadCells(json, place, cells);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool ordered = i == 0 || cells[i - 1].index < cells[i].index;
    if (ordered && cells[i].index < SeriesCells::kCount && cells[i].count > 0) continue;
    JsonReader::Refuse(place + "[" + std::to_string(i) + "]", json[i],
                       "cells in ascending order, below 216, each with a count");
  }
}

void ReadForm(const Json& json, const std::string& place, Distribution& values) {
  JsonReader reader(json, place);
  std::uint64_t count = 0;
  reader.Field("count", count);
  values = {};
  if (count == 0) return;
  Distribution::Parts parts;
  reader.Object("histogram", [&](JsonReader& inner) {
    Duration::rep min = 0;
    Duration::rep max = 0;
    inner.Field("overflow", parts.overflow);
    inner.Field("negative", parts.negative);
    inner.Field("sum_nanoseconds", parts.sum);
    inner.Field("min_nanoseconds", min);
    inner.Field("max_nanoseconds", max);
    parts.min = Duration(min);
    parts.max = Duration(max);
    ReadCells(inner.At("cells"), inner.Place("cells"), parts.cells);
  });
  const std::string histogram = reader.Place("histogram");
  try {
    values = Distribution(std::move(parts));
  } catch (const std::invalid_argument& wrong) {
    throw ConfigurationError(histogram + ": got " + wrong.what() +
                             ", expected the cells of a recorded distribution");
  }
  if (values.count() != count) {
    JsonReader::Refuse(reader.Place("count"), reader.At("count"),
                       std::to_string(values.count()) + ", as the histogram has it");
  }
}

// One array for each figure: what a plot wants.
static Json WriteForm(const TimeSeries& series) {
  Json json{{"interval_seconds", ToSeconds(series.interval)}};
  const auto add = [&](const char* name, auto read) {
    Json& list = json[name] = Json::array();
    for (const SeriesPoint& point : series.points) list.push_back(JsonWriter::ToJson(read(point)));
  };
  add("scheduled", [](const SeriesPoint& p) { return p.scheduled; });
  add("sent", [](const SeriesPoint& p) { return p.sent; });
  add("succeeded", [](const SeriesPoint& p) { return p.succeeded; });
  add("failed", [](const SeriesPoint& p) { return p.failed; });
  add("unfinished", [](const SeriesPoint& p) { return p.unfinished; });
  add("dropped", [](const SeriesPoint& p) { return p.dropped; });
  add("token_events", [](const SeriesPoint& p) { return p.token_events; });
  json["in_flight"] = series.InFlight();
  add("p50_seconds", [](const SeriesPoint& p) { return p.LatencyQuantile(0.50); });
  add("p95_seconds", [](const SeriesPoint& p) { return p.LatencyQuantile(0.95); });
  add("p99_seconds", [](const SeriesPoint& p) { return p.LatencyQuantile(0.99); });
  add("latency_cells", [](const SeriesPoint& p) { return WriteCells(p.latency); });
  return json;
}

static void ReadForm(const Json& json, const std::string& place, TimeSeries& series) {
  constexpr std::size_t kMostPoints = 3600;
  JsonReader reader(json, place);
  series = {};
  reader.Field("interval_seconds", series.interval);
  const auto doublings = series.interval / std::chrono::seconds(1);
  if (series.interval % std::chrono::seconds(1) != Duration::zero() || doublings < 1 ||
      !std::has_single_bit(static_cast<std::uint64_t>(doublings))) {
    JsonReader::Refuse(reader.Place("interval_seconds"), reader.At("interval_seconds"),
                       "1, 2, 4, 8, ... seconds");
  }
  const auto list = [&](const char* name, std::size_t size) -> const Json& {
    const Json& values = reader.At(name);
    if (!values.is_array() || values.size() > kMostPoints) {
      JsonReader::Refuse(reader.Place(name), values, "an array of at most 3600 values");
    }
    if (size != values.size() && &values != &reader.At("scheduled")) {
      JsonReader::Refuse(reader.Place(name), values, "an array as long as \"scheduled\"");
    }
    return values;
  };
  series.points.resize(list("scheduled", 0).size());
  const auto read = [&](const char* name, std::uint64_t SeriesPoint::*field) {
    const Json& values = list(name, series.points.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      JsonReader::Read(values[i], reader.Place(name) + "[" + std::to_string(i) + "]",
                       series.points[i].*field);
    }
  };
  read("scheduled", &SeriesPoint::scheduled);
  read("sent", &SeriesPoint::sent);
  read("succeeded", &SeriesPoint::succeeded);
  read("failed", &SeriesPoint::failed);
  read("unfinished", &SeriesPoint::unfinished);
  read("dropped", &SeriesPoint::dropped);
  read("token_events", &SeriesPoint::token_events);
  const Json& cells = list("latency_cells", series.points.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    ReadSeriesCells(cells[i], reader.Place("latency_cells") + "[" + std::to_string(i) + "]",
                    series.points[i].latency);
  }
}

// One array for each count, and for each figure that was kept one array of cells a cohort.
static Json WriteForm(const Cohorts& cohorts) {
  Json json{{"interval_seconds", ToSeconds(cohorts.interval)}};
  const auto add = [&](const char* name, std::uint64_t Cohort::*count) {
    Json& list = json[name] = Json::array();
    for (const Cohort& cohort : cohorts.cohorts) list.push_back(cohort.*count);
  };
  add("scheduled", &Cohort::scheduled);
  add("succeeded", &Cohort::succeeded);
  add("lost", &Cohort::lost);
  add("completed", &Cohort::completed);
  add("good", &Cohort::good);
  add("attempts", &Cohort::attempts);
  add("output_tokens", &Cohort::output_tokens);
  Json& figures = json["cells"] = Json::object();
  for (const FigureInfo& row : kFigures) {
    const auto has_it = [&](const Cohort& cohort) { return !cohort[row.figure].empty(); };
    if (std::none_of(cohorts.cohorts.begin(), cohorts.cohorts.end(), has_it)) continue;
    Json& list = figures[std::string(row.name)] = Json::array();
    for (const Cohort& cohort : cohorts.cohorts) list.push_back(WriteCells(cohort[row.figure]));
  }
  return json;
}

static void ReadForm(const Json& json, const std::string& place, Cohorts& cohorts) {
  JsonReader reader(json, place);
  cohorts = {};
  reader.Field("interval_seconds", cohorts.interval);
  const auto doublings = cohorts.interval / Cohorts::kShortestInterval;
  if (cohorts.interval % Cohorts::kShortestInterval != Duration::zero() || doublings < 1 ||
      !std::has_single_bit(static_cast<std::uint64_t>(doublings))) {
    JsonReader::Refuse(reader.Place("interval_seconds"), reader.At("interval_seconds"),
                       "0.0625 seconds or that doubled, as often as you like");
  }
  const Json& first = reader.At("scheduled");
  if (!first.is_array() || first.size() > Cohorts::kMost) {
    JsonReader::Refuse(reader.Place("scheduled"), first, "an array of at most 192 values");
  }
  cohorts.cohorts.resize(first.size());
  const auto check = [&](const Json& list, const std::string& at) {
    if (list.is_array() && list.size() == cohorts.cohorts.size()) return;
    JsonReader::Refuse(at, list, "an array as long as \"scheduled\"");
  };
  const auto read = [&](const char* name, std::uint64_t Cohort::*count) {
    const Json& list = reader.At(name);
    check(list, reader.Place(name));
    for (std::size_t i = 0; i < list.size(); ++i) {
      JsonReader::Read(list[i], reader.Place(name) + "[" + std::to_string(i) + "]",
                       cohorts.cohorts[i].*count);
    }
  };
  read("scheduled", &Cohort::scheduled);
  read("succeeded", &Cohort::succeeded);
  read("lost", &Cohort::lost);
  read("completed", &Cohort::completed);
  read("good", &Cohort::good);
  read("attempts", &Cohort::attempts);
  if (reader.Has("output_tokens")) read("output_tokens", &Cohort::output_tokens);
  reader.Object("cells", [&](JsonReader& figures) {
    for (const FigureInfo& row : kFigures) {
      if (!figures.Has(row.name)) continue;
      const Json& list = figures.At(row.name);
      check(list, figures.Place(row.name));
      for (std::size_t i = 0; i < list.size(); ++i) {
        ReadSeriesCells(list[i], figures.Place(row.name) + "[" + std::to_string(i) + "]",
                        cohorts.cohorts[i][row.figure]);
      }
    }
  });
}

template <class Archive, class T>
requires IsOf<T, FinishReason>
static void Visit(Archive& archive, T& ended) {
  archive.Field("reason", ended.reason);
  archive.Field("count", ended.count);
}

template <class Archive, class T>
requires IsOf<T, ProviderUsage>
static void Visit(Archive& archive, T& usage) {
  archive.Field("name", usage.name);
  archive.Field("region", usage.region);
  archive.Field("model", usage.model);
  archive.Field("attempts", usage.attempts);
  archive.Field("successes", usage.successes);
  archive.Field("failures", usage.failures);
  archive.Field("rejected", usage.rejected);
  archive.Field("answered", usage.answered);
  archive.LaterField("input_tokens", usage.input_tokens);
  archive.Field("output_tokens", usage.output_tokens);
  archive.Field("attempt_latency", usage.attempt_latency);
  archive.Field("attempt_ttft", usage.attempt_ttft);
}

template <class Archive, class T>
requires IsOf<T, ErrorExample>
static void Visit(Archive& archive, T& example) {
  archive.Field("count", example.count);
  archive.Field("first_seconds", example.first);
  archive.Field("message", example.message);
  archive.Field("http_status", example.http_status);
  archive.Field("provider", example.provider);
  archive.Field("code", example.code);
  archive.Field("request_id", example.request_id);
}

static void WriteErrors(const MetricsSnapshot& metrics, JsonWriter& archive) {
  Json list = Json::array();
  for (std::size_t i = 0; i < metrics.errors.size(); ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    if (metrics[kind].count == 0) continue;
    Json entry{{"kind", ToString(kind)}, {"class", ToString(Classify(kind))}};
    JsonWriter writer(entry);
    writer.Field("count", metrics[kind].count);
    writer.Field("first_seconds", metrics[kind].first);
    writer.Field("last_seconds", metrics[kind].last);
    writer.Field("examples", metrics[kind].examples);
    list.push_back(std::move(entry));
  }
  archive.Field("errors", list);
}

static void ReadErrors(MetricsSnapshot& metrics, JsonReader& archive) {
  const Json& list = archive.At("errors");
  if (!list.is_array()) JsonReader::Refuse(archive.Place("errors"), list, "an array");
  for (std::size_t i = 0; i < list.size(); ++i) {
    JsonReader entry(list[i], archive.Place("errors") + "[" + std::to_string(i) + "]");
    std::string name;
    entry.Field("kind", name);
    std::size_t kind = 0;
    while (kind < metrics.errors.size() && ToString(static_cast<ErrorKind>(kind)) != name) ++kind;
    if (kind == metrics.errors.size()) {
      JsonReader::Refuse(entry.Place("kind"), entry.At("kind"), "a kind of error of llmload");
    }
    ErrorSummary& summary = metrics.errors[kind];
    if (summary.count > 0) {
      JsonReader::Refuse(entry.Place("kind"), entry.At("kind"), "each kind of error once");
    }
    entry.Field("count", summary.count);
    if (summary.count == 0) {
      JsonReader::Refuse(entry.Place("count"), entry.At("count"), "a count above 0");
    }
    entry.LaterField("first_seconds", summary.first);
    entry.LaterField("last_seconds", summary.last);
    entry.LaterField("examples", summary.examples);
    // Reports had the message of the first failure alone before they had examples.
    if (!entry.Has("examples") && entry.Has("first_message")) {
      ErrorExample first{.count = 1};
      entry.Field("first_message", first.message);
      if (!first.message.empty()) summary.examples.push_back(std::move(first));
    }
    if (summary.examples.size() > ErrorSummary::kMostExamples) {
      JsonReader::Refuse(entry.Place("examples"), entry.At("examples"), "at most 3 examples");
    }
  }
}

// Merging needs their order.
static void CheckProviders(const MetricsSnapshot& metrics, const JsonReader& archive) {
  const auto key = [](const ProviderUsage& usage) {
    return std::tie(usage.name, usage.region, usage.model);
  };
  for (std::size_t i = 1; i < metrics.providers.size(); ++i) {
    if (key(metrics.providers[i - 1]) < key(metrics.providers[i])) continue;
    JsonReader::Refuse(archive.Place("providers") + "[" + std::to_string(i) + "]",
                       archive.At("providers")[i],
                       "rows in ascending order of name, region and model, each once");
  }
}

static void CheckReasons(const MetricsSnapshot& metrics, const JsonReader& archive) {
  const auto& reasons = metrics.finish_reasons;
  for (std::size_t i = 1; i < reasons.size(); ++i) {
    if (reasons[i - 1].reason < reasons[i].reason) continue;
    JsonReader::Refuse(archive.Place("finish_reasons") + "[" + std::to_string(i) + "]",
                       archive.At("finish_reasons")[i],
                       "rows in ascending order of the reason, each once");
  }
}

// An object with one member for each row of the catalogue that `wanted` picks.
template <class Archive, class Snapshot, class Wanted>
static void VisitCounters(Archive& archive, Snapshot& metrics, const char* name, Wanted wanted) {
  archive.Object(name, [&](auto& inner) {
    for (const CounterInfo& row : kCounters) {
      if (wanted(row)) inner.Field(row.name, metrics[row.counter]);
    }
  });
}

// Of a cell, what is empty and what is derived is not written: there may be many.
template <class Archive, class T>
requires IsOf<T, MetricsSnapshot>
static void VisitFigures(Archive& archive, T& metrics, bool of_cell) {
  VisitCounters(archive, metrics, "requests",
                [](const CounterInfo& row) { return !row.of_tokens; });
  VisitCounters(archive, metrics, "tokens", [](const CounterInfo& row) { return row.of_tokens; });
  archive.Field("has_objectives", metrics.has_objectives);
  archive.Field("first_dispatch_seconds", metrics.first_dispatch);
  archive.Field("last_completion_seconds", metrics.last_completion);
  archive.Object("figures", [&](auto& inner) {
    for (const FigureInfo& row : kFigures) {
      // A report that was written before there was the figure has no value of it.
      if constexpr (Archive::kReads) {
        if (inner.Has(row.name)) inner.Field(row.name, metrics[row.figure]);
      } else if (!of_cell || !metrics[row.figure].empty()) {
        const auto figure = of_cell ? std::nullopt : std::optional(row.figure);
        inner.Field(row.name, WriteDistribution(metrics[row.figure], figure));
      }
    }
  });
  if constexpr (Archive::kReads) {
    ReadErrors(metrics, archive);
  } else {
    WriteErrors(metrics, archive);
  }
  archive.LaterField("finish_reasons", metrics.finish_reasons);
  if constexpr (Archive::kReads) CheckReasons(metrics, archive);
  if (of_cell) {
    if constexpr (Archive::kReads) {
      if (archive.Has("cohorts")) archive.Field("cohorts", metrics.cohorts);
    } else if (metrics.cohorts != Cohorts{}) {
      archive.Field("cohorts", metrics.cohorts);
    }
    return;
  }
  archive.Field("providers", metrics.providers);
  if constexpr (Archive::kReads) CheckProviders(metrics, archive);
  archive.Field("series", metrics.series);
  archive.Field("cohorts", metrics.cohorts);
}

Json WriteForm(const MetricsSnapshot& metrics) {
  Json json = Json::object();
  JsonWriter archive(json);
  VisitFigures(archive, metrics, false);
  return json;
}

void ReadForm(const Json& json, const std::string& place, MetricsSnapshot& metrics) {
  JsonReader archive(json, place);
  VisitFigures(archive, metrics, false);
}

// {"phase": 0, "step": null, "model": "m", "tags": {"tenant": "a"}, "figures": {...}}; no phase:
// any.
Json WriteMetricsCells(const std::vector<MetricsCell>& cells) {
  Json list = Json::array();
  for (const MetricsCell& cell : cells) {
    const CellKey& key = cell.key;
    Json& json = list.emplace_back();
    // Both numbers have the same value for none.
    const auto number = [](std::uint32_t value) {
      return value == CellKey::kNoStep ? Json(nullptr) : Json(value);
    };
    json = {{"phase", number(key.phase)}, {"step", number(key.step)}, {"model", key.model}};
    Json& tags = json["tags"] = Json::object();
    for (const RequestTag& tag : key.tags) tags[tag.name] = tag.value;
    if (cells.size() == 1) continue;
    Json& figures = json["figures"] = Json::object();
    JsonWriter archive(figures);
    VisitFigures(archive, cell.figures, true);
  }
  return list;
}

void ReadMetricsCells(const Json& json, const std::string& place, std::vector<MetricsCell>& cells) {
  cells.clear();
  if (!json.is_array()) JsonReader::Refuse(place, json, "an array");
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string at = place + "[" + std::to_string(i) + "]";
    JsonReader archive(json[i], at);
    MetricsCell& cell = cells.emplace_back();
    std::optional<std::uint32_t> phase;
    std::optional<std::uint32_t> step;
    archive.Field("phase", phase);
    archive.Field("step", step);
    archive.Field("model", cell.key.model);
    cell.key.phase = phase.value_or(CellKey::kOtherPhases);
    cell.key.step = step.value_or(CellKey::kNoStep);
    const Json& tags = archive.At("tags");
    if (!tags.is_object()) JsonReader::Refuse(archive.Place("tags"), tags, "an object");
    for (const auto& [name, value] : tags.items()) {
      RequestTag& tag = cell.key.tags.emplace_back();
      tag.name = name;
      JsonReader::Read(value, archive.Place("tags") + "." + name, tag.value);
    }
    // Merging needs their order.
    if (!std::is_sorted(cell.key.tags.begin(), cell.key.tags.end()) ||
        (i > 0 && !(cells[i - 1].key < cell.key))) {
      JsonReader::Refuse(at, json[i],
                         "cells in ascending order of phase, step, model and tags, each once");
    }
    if (json.size() == 1) continue;
    JsonReader figures(archive.At("figures"), archive.Place("figures"));
    VisitFigures(figures, cell.figures, true);
  }
}

}  // namespace llmload
