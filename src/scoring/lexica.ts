/** Small sets of words that say what kind of request it is. English for the most part: other languages are known by shape and wording. */

const setOf = (words: string): ReadonlySet<string> =>
  new Set(words.split(/\s+/).filter((word) => word !== ""));

export const LEXICA = {
  common:
    setOf(`the of and a to in is you that it he was for on are as with his they i at be this have from or one had by
    but not what all were we when your can said there use an each which she do how their if will up other about out many then
    them these so some her would make like him into time has look two more go see no way could people my than first been call
    who its now find long down day did get come made may part`),
  mathematics:
    setOf(`prove proof theorem integral derivative equation solve function matrix vector polynomial probability
    calculate compute sum product ratio average mean median variance angle triangle circle area volume perimeter radius square
    root prime integer factor modulo group ring field graph limit series sequence converge linear quadratic logarithm sine
    cosine algebra geometry remainder divisible multiply divide subtract total distance speed rate percentage demuestra
    calcula ecuación équation calculer berechne gleichung beweise`),
  code: setOf(`def return import class function print lambda self int str list dict array string bool none null true false
    const let var void public static async await select join python javascript java sql regex algorithm api json code bug
    compile runtime exception pointer loop recursion stack queue tree`),
  factual: setOf(`who when where whom whose quién cuándo dónde qui quand où wer wann wo`),
  why: setOf(
    `why how explain because reason describe discuss porqué cómo pourquoi comment warum wie erkläre explica`,
  ),
  which: setOf(
    `which what best following most correct true statement cuál qué quel quelle welche welcher was`,
  ),
  make: setOf(
    `write generate create compose draft story poem essay implement design build develop produce schreibe escribe écris`,
  ),
  act: setOf(`get fetch find search book send schedule order show give tell list set add update delete convert translate
    summarize summarise extract classify rewrite check help need want could please`),
  firstPerson: setOf(`i my me we our i'm i've ich mein yo mi je mon`),
  negation:
    setOf(`not no never none without except neither nor cannot isn doesn don't least unlikely incorrect false nicht kein
    nunca sin pas sans`),
  quantifier: setOf(
    `all every each any some most only exactly least at few several both either alle jeder todos cada tous chaque`,
  ),
  comparison:
    setOf(`more less than greater fewer larger smaller higher lower same equal different between twice most least
    compared versus better worse`),
  cause:
    setOf(`because since therefore thus hence so cause causes caused result results effect leads due why implies suppose
    assume given`),
  time: setOf(`day days week weeks month months year years hour hours minute minutes today tomorrow yesterday before after then
    later next ago until monday friday`),
  ordinal: setOf(`first second third fourth fifth last next previous final left right`),
  connective: setOf(`and also then additionally furthermore moreover finally both as well`),
  format:
    setOf(`json yaml xml csv table list bullet bullets markdown format sentence sentences paragraph paragraphs words essay
    summary brief concise detailed outline schema output literal`),
} as const;
